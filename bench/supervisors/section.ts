// The supervisors' part of the benchmark: who is compared, in which phases, and the tables that come of it.
import { join } from 'node:path'
import { fetchKernel } from '../../qemu/kernel.ts'
import { debianTree } from '../debian.ts'
import { idleTopic, idling, type Memory, memoryOf, memoryTopic } from './footprint.ts'
import { fetchPackages, type Packages } from '../../qemu/packages.ts'
import { compilePrograms, type Programs } from './peer-directory.ts'
import { crashing } from './crashing.ts'
import { FLOOR, PACKAGES, type Peer, PEERS } from './peers.ts'
import { reaping } from './reaping.ts'
import { restarting, restartTopic } from './restarting.ts'
import { startPeer } from './running-peer.ts'
import { OUR_DELAY, OURS, startSolocloud } from './running-solocloud.ts'
import { type Running, untilRunning } from './running.ts'
import type { Topic } from './topic.ts'

type Report = (line: string) => void

export interface Section {
  topics: Topic[]
  notes: string[]
}

interface Bench extends SectionOptions {
  packages: Packages
  programs: Programs
}

/** The most first: those of `restarting` need more than its samples. */
const COUNTS = [1, 100, 1000] as const
const SUPERVISED = 100
const STORMS = 3
const SETTLED_KILLS = 50
const YOUNG_KILLS = 8
/** It reaps 100 a second once nothing new dies. */
const SLOW_REAPERS = ['supervisor'] as const

export interface SectionOptions {
  /** Where the kernel and everything else that is fetched stays, absolute. */
  cache: string
  /** A directory for what runs. */
  scratch: string
  /** Measure everything once. */
  quick: boolean
  report: Report
}

/** Needs root, apt and a built node. */
export async function superviseSection(options: SectionOptions): Promise<Section> {
  const { cache, scratch, report } = options
  const benchCache = join(cache, 'bench')
  const kernel = await fetchKernel(join(cache, 'kernel'), report)
  const debian = await debianTree(benchCache, kernel, report)
  const packages = await fetchPackages(benchCache, 'supervisors', PACKAGES, report)
  const programs = await compilePrograms(join(scratch, 'programs'))
  const bench = { ...options, packages, programs }
  const memories = new Map<string, Memory[]>([OURS, ...names(PEERS)].map((name) => [name, []]))
  const alone = await withOne(bench, memories)
  const many = await withMany(bench, memories)
  const most = await withMost(bench, memories)
  const guests = { kernel, packages, programs, scratch: join(scratch, 'guests'), debian }
  const crashes = await crashing(PEERS, guests, report)
  return {
    topics: [alone, many.restarts, memoryTopic(COUNTS, memories), many.idle, crashes],
    notes: [
      `Peers: ${PEERS.map((peer) => `${peer.name} ${packages.version(peer.package ?? '')}`).join(', ')},`,
      "Debian's packages, each as PID 1 in namespaces of its own, without most capabilities.",
      'tini and dumb-init run one program and end with it: they restart nothing.',
      ...most,
    ],
  }
}

const names = (peers: readonly Peer[]): string[] => peers.map(({ name }) => name)

/** Starts ours and `peers`, one after another, and hands them to `use` when all services run. */
async function withAll<T>(
  { packages, programs, scratch }: Bench,
  count: number,
  peers: readonly Peer[],
  use: (programs: Running[]) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack()
  const running: Running[] = []
  const dir = (name: string) => join(scratch, `${name.replaceAll(' ', '-')}-${count}`)
  for (const peer of [null, ...peers]) {
    const own = peer === null || peer.supervises ? count : 1
    const started =
      peer === null
        ? await startSolocloud(own, programs, dir(OURS))
        : await startPeer(peer, own, { packages, programs, dir: dir(peer.name) })
    running.push(stack.use(started))
    await untilRunning(started, own)
  }
  return await use(running)
}

async function remember(programs: readonly Running[], memories: Map<string, Memory[]>) {
  for (const [name, memory] of await memoryOf(programs)) memories.get(name)?.push(memory)
}

async function withOne(bench: Bench, memories: Map<string, Memory[]>): Promise<Topic> {
  bench.report('supervisors: everyone with one service, and fork storms')
  return withAll(bench, 1, [...PEERS, FLOOR], async (programs) => {
    await remember(programs, memories)
    return reaping(programs, SLOW_REAPERS, bench.quick ? 1 : STORMS)
  })
}

async function withMany(
  bench: Bench,
  memories: Map<string, Memory[]>,
): Promise<{ idle: Topic; restarts: Topic }> {
  bench.report(`supervisors: ${SUPERVISED} services each, a minute of rest, then kills`)
  return withAll(bench, SUPERVISED, PEERS, async (programs) => {
    const able = programs.filter(({ name }) => supervises(name))
    await remember(able, memories)
    const idle = await idling(programs)
    const delays = new Map([
      [OURS, OUR_DELAY],
      ...PEERS.map(({ name, delay }): [string, string] => [name, delay]),
    ])
    const settled = bench.quick ? 5 : SETTLED_KILLS
    const young = bench.quick ? 1 : YOUNG_KILLS
    // The slow ones first: their second of waiting is everybody else's turn.
    const restarts = await restarting(able.toReversed(), settled, young)
    return {
      idle: idleTopic(idle, (name) => (supervises(name) ? SUPERVISED : 1)),
      restarts: restartTopic(restarts, delays),
    }
  })
}

/** A line for each program whose PID 1 did not stay the same all the time. */
async function withMost(bench: Bench, memories: Map<string, Memory[]>): Promise<string[]> {
  const count = COUNTS[2]
  const able = PEERS.filter(({ supervises }) => supervises)
  bench.report(`supervisors: ${count} services each`)
  return withAll(bench, count, able, async (programs) => {
    await remember(programs, memories)
    return programs.flatMap((running) =>
      running.deaths().map((death) => `${running.name} with ${count} services: ${death}`),
    )
  })
}

const supervises = (name: string): boolean =>
  name === OURS || PEERS.some((peer) => peer.name === name && peer.supervises)
