// One guest, and what may happen to it at random, for as long as asked. After each event the apps must answer
// and PID 1 must be no bigger.
import { setTimeout as sleep } from 'node:timers/promises'
import { getText } from '../../demo/get-text.ts'
import { EXAMPLES, imagePath, type Example } from '../../demo/tour.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import type { Vps } from '../../qemu/vps.ts'
import { Guest } from '../boot/guest.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { pick, seeded } from '../seeded.ts'
import type { ProofOptions } from './proof.ts'

const PORTS = EXAMPLES.map(({ port }) => port)
const ANSWER_MS_MAX = 60_000
const PAUSE_MS_MAX = 5000
const UNRECLAIMABLE_BYTES_MAX = 24 * 1024 ** 2

interface World {
  guest: Guest
  vps: Vps
  random: () => number
}

type Event = (world: World) => Promise<void>

const someApp = ({ random }: World): Example => pick(EXAMPLES, random)
const start = async (world: World): Promise<void> => {
  world.vps = await world.guest.start({ ports: PORTS })
}

const EVENTS: Readonly<Record<string, Event>> = {
  restart: async (world) => {
    await cloud('restart', world.vps.manage, someApp(world).name)
  },
  redeploy: async (world) => {
    await cloud('start', world.vps.manage, imagePath(someApp(world).image))
  },
  'stop and start': async (world) => {
    const { name, image } = someApp(world)
    await cloud('stop', world.vps.manage, name)
    await cloud('start', world.vps.manage, imagePath(image))
  },
  'power button': async (world) => {
    await world.vps.powerOff()
    await start(world)
  },
  'power cut': async (world) => {
    await world.vps.powerCut()
    await start(world)
  },
  reset: async (world) => {
    await world.vps.reset()
    await world.vps.waitForManagement()
  },
  'power cut in a push': async (world) => {
    const push = cloud('start', world.vps.manage, imagePath(someApp(world).image)).catch(
      () => undefined,
    )
    await sleep(world.random() * PAUSE_MS_MAX)
    await world.vps.powerCut()
    await push
    await start(world)
  },
}

async function check({ vps }: World): Promise<string> {
  for (const { port, answer, name } of EXAMPLES) {
    const url = `http://${vps.address(port)}/`
    await vps.waitForHttp(url, ANSWER_MS_MAX)
    await expectAnswer(url, answer, name)
  }
  const node = nodeStatus(await cloudJson('node', vps.manage), 'node')
  const held = node.init.unreclaimableBytes
  if (held === null || held > UNRECLAIMABLE_BYTES_MAX)
    throw new Error(`PID 1 holds ${String(held)} bytes`)
  const megabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`
  return `PID 1 ${megabytes(held)}, available ${megabytes(node.memory.availableBytes)}`
}

async function expectAnswer(url: string, answer: Example['answer'], name: string): Promise<void> {
  const text = await getText(url)
  if (!answer.test(text)) throw new Error(`${name} answers ${JSON.stringify(text)}`)
}

async function live(world: World, { minutes, report, ending }: ProofOptions): Promise<void> {
  const endMs = performance.now() + minutes * 60_000
  for (const { image } of EXAMPLES) await cloud('start', world.vps.manage, imagePath(image))
  report(`three apps: ${await check(world)}`)
  for (let count = 1; performance.now() < endMs && !ending.aborted; count++) {
    const name = pick(Object.keys(EVENTS), world.random)
    const startMs = performance.now()
    await EVENTS[name]?.(world)
    const found = await check(world)
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    report(`${String(count).padStart(5)}  ${name.padEnd(20)} ${seconds.padStart(6)} s   ${found}`)
    await sleep(world.random() * PAUSE_MS_MAX)
  }
}

export async function randomEvents(options: ProofOptions): Promise<void> {
  await using guest = await Guest.make()
  const vps = await guest.start({ ports: PORTS })
  const world: World = { guest, vps, random: seeded(options.seed) }
  try {
    await live(world, options)
  } finally {
    await world.vps.powerCut()
  }
}
