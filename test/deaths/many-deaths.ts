// One node whose PID 1 dies again and again, of everything there is, while its apps are asked and write their
// logs all along. Nobody but PID 1 may notice.
import { setTimeout as sleep } from 'node:timers/promises'
import { getText } from '../../demo/get-text.ts'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { FAULT_KINDS, MACHINE_FAULTS, type FaultKind } from '../../init/fault-spec.ts'
import type { AppStatus, NodeStatus } from '../../protocol/api.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { causeFault } from '../cause-fault.ts'
import { probeImage } from '../probe-image.ts'
import { cloud } from '../run-cloud.ts'
import { pick, seeded } from '../seeded.ts'
import { countNumberedLines } from './numbered-lines.ts'
import type { Patient, Ward } from './patients.ts'
import { steadyClient, type SteadyClient } from './steady-client.ts'

export interface ManyDeaths {
  /** Where; ended when it is over. */
  ward: Ward
  deaths: number
  /** Of one boot: a thousand lines a second must not have been rotated away when the disk is read. */
  deathsABoot: number
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
const NEXT_LIFE_MS_MAX = 90_000
const POLL_MS = 100
/** A life that ends when it has nothing left to wait for would wait for our question. */
const EMPTY_MS = 2000
const REPORT_EVERY = 10
const SETTLED_LOOKS = 5
const SETTLED_PAUSE_MS = 2000
/** A hang takes ten seconds to be noticed: of all deaths, this share. */
const HANG_SHARE = 0.04
/** What a collection has not yet taken back differs from life to life; a leak adds up. */
const GROWTH_BYTES_MAX = 2 * 1024 ** 2
/** Ours, which may be open when descriptors are counted. */
const CONNECTIONS_MAX = 4

const isHang = (kind: FaultKind): boolean => kind.includes('hang')
const DEATHS = FAULT_KINDS.filter((kind) => !MACHINE_FAULTS.some((one) => one === kind))
const QUICK = DEATHS.filter((kind) => !isHang(kind))
const HANGS = DEATHS.filter(isHang)

/** One result a boot. Rejects with the first thing that somebody has noticed. */
export async function manyDeaths(options: ManyDeaths): Promise<Survived[]> {
  const { deaths, deathsABoot, seed, report } = options
  await using ward = options.ward
  const random = seeded(seed)
  const survived: Survived[] = []
  for (let left = deaths; left > 0; left -= deathsABoot) {
    const count = Math.min(left, deathsABoot)
    const boot = await oneBoot(ward, { count, random, report, first: survived.length === 0 })
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

async function oneBoot(ward: Ward, boot: Boot): Promise<Survived> {
  const settings = [`solocloud.faults=listen:0.0.0.0:${FAULT_PORT}`, 'solocloud.crashloop=60/1']
  await using patient = await ward.start(PORTS, settings)
  if (boot.first) await pushApps(ward, patient)
  const asked = EXAMPLES.map(({ port, answer }) => ({
    ...{ url: `http://${patient.address(port)}/`, answer },
  }))
  for (const { url } of asked) await answers(url)
  const client = steadyClient(asked)
  let died
  try {
    died = await dieAgainAndAgain({ ...boot, patient, client })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${patient.console.tail}`, { cause: error })
  } finally {
    await client.stop()
  }
  await ward.off()
  return { ...died, lines: await checkLog(ward) }
}

/** Apps of a boot before may still be starting. */
async function answers(url: string): Promise<void> {
  const begun = performance.now()
  while (performance.now() - begun < NEXT_LIFE_MS_MAX) {
    if (await getText(url).then(Boolean, () => false)) return
    await sleep(POLL_MS)
  }
  throw new Error(`${url} does not answer`)
}

async function pushApps({ dir }: Ward, { manage }: Patient): Promise<void> {
  for (const { image } of EXAMPLES) await cloud('start', manage, imagePath(image))
  const env = [`LINES_PER_SECOND=${LINES_PER_SECOND}`]
  const logger = await probeImage(dir, { ...LOGGER, env, isolation: 'chroot' })
  await cloud('start', manage, logger)
}

interface World extends Boot {
  patient: Patient
  client: SteadyClient
}

async function dieAgainAndAgain(world: World): Promise<Omit<Survived, 'lines'>> {
  const { patient, client, count: deaths, random, report } = world
  const tookMs: number[] = []
  const kinds = new Set<FaultKind>()
  // The first life holds what only a push and the boot need.
  await dieOnce(patient, 'segv')
  const apps = await pidsOf(patient)
  const first = await settled(patient)
  for (let count = 1; count <= deaths; count++) {
    const kind = pick(random() < HANG_SHARE ? HANGS : QUICK, random)
    kinds.add(kind)
    const ms = await dieOnce(patient, kind)
    if (!isHang(kind)) tookMs.push(ms)
    const now = await pidsOf(patient)
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
  const last = await settled(patient)
  expectNoGrowth(first, last)
  await expectNoZombies(patient)
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

async function status(patient: Patient): Promise<NodeStatus> {
  return nodeStatus(JSON.parse(await getText(`http://${patient.manage}/v1/node`)), 'node')
}

/** What a life holds at the least: what its start and requests needed is given back some time later. */
async function settled(patient: Patient): Promise<NodeStatus> {
  let least: NodeStatus | null = null
  const bytes = ({ init }: NodeStatus): number => init.unreclaimableBytes ?? 0
  for (let look = 0; look < SETTLED_LOOKS; look++) {
    await sleep(SETTLED_PAUSE_MS)
    const now = await status(patient)
    if (least === null || bytes(now) < bytes(least)) least = now
  }
  if (least === null) throw new Error('BUG: nobody looked')
  return least
}

/** Resolves with the time to the next life's answer, ms. */
async function dieOnce(patient: Patient, kind: FaultKind): Promise<number> {
  const { life } = await status(patient)
  const [host = '', port = ''] = patient.address(FAULT_PORT).split(':')
  const begun = performance.now()
  await causeFault({ host, port: Number(port) }, kind)
  if (kind === 'empty') await sleep(EMPTY_MS)
  while (performance.now() - begun < NEXT_LIFE_MS_MAX) {
    const now = await status(patient).catch(() => null)
    if (now !== null && now.life > life) return performance.now() - begun
    await sleep(POLL_MS)
  }
  throw new Error(`after ${kind}: life ${life + 1} does not answer`)
}

/** Name, pid and restarts of every app, as one text. */
async function pidsOf(patient: Patient): Promise<string> {
  const apps = appStatuses(JSON.parse(await getText(`http://${patient.manage}/v1/apps`)), 'apps')
  const about = ({ name, state, pid, restarts }: AppStatus): string =>
    `${name} ${state} ${String(pid)} ${restarts}`
  return apps.map(about).join(', ')
}

/** The whole log, from the disk of a node that is off: how many lines. Throws when one is missing or doubled. */
async function checkLog(ward: Ward): Promise<number> {
  const path = `/var/lib/solocloud/logs/${LOGGER.name}.log`
  const oldestFirst = [4, 3, 2, 1].map((age) => `${path}.${age}`).concat(path)
  const files = await Promise.all(oldestFirst.map((file) => ward.read(file)))
  return countNumberedLines(files.join(''))
}

function expectNoGrowth(first: NodeStatus, last: NodeStatus): void {
  const grown = (last.init.unreclaimableBytes ?? 0) - (first.init.unreclaimableBytes ?? 0)
  if (grown > GROWTH_BYTES_MAX) throw new Error(`PID 1 has grown by ${grown} bytes`)
  const [before, after] = [first.init.descriptors, last.init.descriptors]
  if (after > before + CONNECTIONS_MAX)
    throw new Error(`${before} descriptors have become ${after}`)
}

async function expectNoZombies(patient: Patient): Promise<void> {
  const text = await getText(`http://${patient.address(LOGGER.port)}/processes`)
  if (!/^zombies 0$/m.test(text)) throw new Error(`left behind: ${text}`)
}
