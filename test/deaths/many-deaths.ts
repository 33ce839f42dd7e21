// One guest whose PID 1 dies again and again, of everything there is, while its apps are asked and write their
// logs all along. Nobody but PID 1 may notice.
import { setTimeout as sleep } from 'node:timers/promises'
import { getText } from '../../demo/get-text.ts'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { FAULT_KINDS, MACHINE_FAULTS, type FaultKind } from '../../init/fault-spec.ts'
import type { AppStatus, NodeStatus } from '../../protocol/api.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { readFileOnDisk } from '../../qemu/disk.ts'
import type { Vps } from '../../qemu/vps.ts'
import { Guest } from '../boot/guest.ts'
import { causeFault } from '../cause-fault.ts'
import { probeImage } from '../probe-image.ts'
import { cloud } from '../run-cloud.ts'
import { pick, seeded } from '../seeded.ts'
import { countNumberedLines } from './numbered-lines.ts'
import { steadyClient, type SteadyClient } from './steady-client.ts'

export interface ManyDeaths {
  deaths: number
  seed: number
  report: (line: string) => void
}

/** What one boot of the guest has gone through. */
export interface Survived {
  deaths: number
  kinds: number
  /** From the question for a death to the next life's first answer, ms; of all but hangs, which take ten seconds. */
  medianMs: number
  slowestMs: number
  requests: number
  slowestRequestMs: number
  lines: number
  /** PID 1's memory that can't be reclaimed, after the first and after the last death. */
  bytes: [first: number, last: number]
  descriptors: [first: number, last: number]
}

const FAULT_PORT = 6666
const LOGGER = { name: 'lines', port: 8010 } as const
const PORTS = [...EXAMPLES.map(({ port }) => port), LOGGER.port, FAULT_PORT]
const LINES_PER_SECOND = 1000
/** Of one boot: its log must not have been rotated away when the disk is read. */
const DEATHS_A_BOOT_MAX = 100
const NEXT_LIFE_MS_MAX = 90_000
const POLL_MS = 100
const REPORT_EVERY = 10
const SETTLED_LOOKS = 5
const SETTLED_PAUSE_MS = 2000
/** A hang takes ten seconds to be noticed: of all deaths, this share. */
const HANG_SHARE = 0.04
/** What a collection has not yet taken back differs from life to life; a leak adds up. */
const GROWTH_BYTES_MAX = 2 * 1024 ** 2

const isHang = (kind: FaultKind): boolean => kind.includes('hang')
const DEATHS = FAULT_KINDS.filter((kind) => !MACHINE_FAULTS.some((one) => one === kind))
const QUICK = DEATHS.filter((kind) => !isHang(kind))
const HANGS = DEATHS.filter(isHang)

/** One result a boot. Rejects with the first thing that somebody has noticed. */
export async function manyDeaths({ deaths, seed, report }: ManyDeaths): Promise<Survived[]> {
  await using guest = await Guest.make()
  const random = seeded(seed)
  const survived: Survived[] = []
  for (let left = deaths; left > 0; left -= DEATHS_A_BOOT_MAX) {
    const count = Math.min(left, DEATHS_A_BOOT_MAX)
    const boot = await oneBoot(guest, { count, random, report, first: survived.length === 0 })
    survived.push(boot)
    report(`  ${JSON.stringify(boot)}`)
  }
  return survived
}

interface Boot {
  count: number
  random: () => number
  report: (line: string) => void
  /** The apps are not there yet. */
  first: boolean
}

async function oneBoot(guest: Guest, boot: Boot): Promise<Survived> {
  const append = [`solocloud.faults=listen:0.0.0.0:${FAULT_PORT}`, 'solocloud.crashloop=60/1']
  await using vps = await guest.start({ ports: PORTS, append })
  if (boot.first) await pushApps(guest, vps)
  const asked = EXAMPLES.map(({ port, answer }) => ({
    ...{ url: `http://${vps.address(port)}/`, answer },
  }))
  for (const { url } of asked) await vps.waitForHttp(url, NEXT_LIFE_MS_MAX)
  const client = steadyClient(asked)
  let died
  try {
    died = await dieAgainAndAgain({ ...boot, vps, client })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${vps.console.tail}`, { cause: error })
  } finally {
    await client.stop()
  }
  await vps.powerOff()
  return { ...died, lines: await checkLog(guest.disk) }
}

async function pushApps(guest: Guest, vps: Vps): Promise<void> {
  for (const { image } of EXAMPLES) await cloud('start', vps.manage, imagePath(image))
  const env = [`LINES_PER_SECOND=${LINES_PER_SECOND}`]
  const logger = await probeImage(guest.dir, { ...LOGGER, env, isolation: 'chroot' })
  await cloud('start', vps.manage, logger)
}

interface World extends Boot {
  vps: Vps
  client: SteadyClient
}

async function dieAgainAndAgain(world: World): Promise<Omit<Survived, 'lines'>> {
  const { vps, client, count: deaths, random, report } = world
  const tookMs: number[] = []
  const kinds = new Set<FaultKind>()
  // The first life holds what only a push and the boot need.
  await dieOnce(vps, 'segv')
  const apps = await pidsOf(vps)
  const first = await settled(vps)
  for (let count = 1; count <= deaths; count++) {
    const kind = pick(random() < HANG_SHARE ? HANGS : QUICK, random)
    kinds.add(kind)
    const ms = await dieOnce(vps, kind)
    if (!isHang(kind)) tookMs.push(ms)
    const now = await pidsOf(vps)
    if (now !== apps) throw new Error(`after ${kind}: apps were ${apps} and are ${now}`)
    const [failure] = client.failures()
    if (failure !== undefined) throw new Error(`after ${kind}: ${failure}`)
    if (count % REPORT_EVERY === 0)
      report(
        `  ${count} deaths, ${client.answered()} requests, the last after ${Math.round(ms)} ms`,
      )
    // Of different lengths, so that a death meets every moment of a life.
    await sleep(random() * 500)
  }
  const last = await settled(vps)
  expectNoGrowth(first, last)
  await expectNoZombies(vps)
  tookMs.sort((one, other) => one - other)
  return {
    ...{ deaths, kinds: kinds.size, requests: client.answered() },
    medianMs: Math.round(tookMs[Math.floor(tookMs.length / 2)] ?? NaN),
    slowestMs: Math.round(tookMs.at(-1) ?? NaN),
    slowestRequestMs: Math.round(client.slowestMs()),
    bytes: [first.init.unreclaimableBytes ?? 0, last.init.unreclaimableBytes ?? 0],
    descriptors: [first.init.descriptors, last.init.descriptors],
  }
}

async function status(vps: Vps): Promise<NodeStatus> {
  return nodeStatus(JSON.parse(await getText(`http://${vps.manage}/v1/node`)), 'node')
}

/** What a life holds at the least: what its start and requests needed is given back some time later. */
async function settled(vps: Vps): Promise<NodeStatus> {
  let least: NodeStatus | null = null
  const bytes = ({ init }: NodeStatus): number => init.unreclaimableBytes ?? 0
  for (let look = 0; look < SETTLED_LOOKS; look++) {
    await sleep(SETTLED_PAUSE_MS)
    const now = await status(vps)
    if (least === null || bytes(now) < bytes(least)) least = now
  }
  if (least === null) throw new Error('BUG: nobody looked')
  return least
}

/** Resolves with the time to the next life's answer, ms. */
async function dieOnce(vps: Vps, kind: FaultKind): Promise<number> {
  const { life } = await status(vps)
  const [host = '', port = ''] = vps.address(FAULT_PORT).split(':')
  const begun = performance.now()
  await causeFault({ host, port: Number(port) }, kind)
  while (performance.now() - begun < NEXT_LIFE_MS_MAX) {
    const now = await status(vps).catch(() => null)
    if (now !== null && now.life > life) return performance.now() - begun
    await sleep(POLL_MS)
  }
  throw new Error(`after ${kind}: life ${life + 1} does not answer`)
}

/** Name, pid and restarts of every app, as one text. */
async function pidsOf(vps: Vps): Promise<string> {
  const apps = appStatuses(JSON.parse(await getText(`http://${vps.manage}/v1/apps`)), 'apps')
  const about = ({ name, state, pid, restarts }: AppStatus): string =>
    `${name} ${state} ${String(pid)} ${restarts}`
  return apps.map(about).join(', ')
}

/** The whole log, from the disk of a guest that is off: how many lines. Throws when one is missing or doubled. */
async function checkLog(disk: string): Promise<number> {
  const path = `/var/lib/solocloud/logs/${LOGGER.name}.log`
  const oldestFirst = [4, 3, 2, 1].map((age) => `${path}.${age}`).concat(path)
  const files = await Promise.all(oldestFirst.map((file) => readFileOnDisk(disk, file)))
  return countNumberedLines(files.join(''))
}

function expectNoGrowth(first: NodeStatus, last: NodeStatus): void {
  const grown = (last.init.unreclaimableBytes ?? 0) - (first.init.unreclaimableBytes ?? 0)
  if (grown > GROWTH_BYTES_MAX) throw new Error(`PID 1 has grown by ${grown} bytes`)
  const [before, after] = [first.init.descriptors, last.init.descriptors]
  if (after > before) throw new Error(`${before} descriptors have become ${after}`)
}

async function expectNoZombies(vps: Vps): Promise<void> {
  const text = await getText(`http://${vps.address(LOGGER.port)}/processes`)
  if (!/^zombies 0$/m.test(text)) throw new Error(`left behind: ${text}`)
}
