// From a service's death to its next life: kill -9 here, the time that the new process stamps there.
import { setTimeout as sleep } from 'node:timers/promises'
import { familyOf, type Running, startsOf } from './running.ts'
import { type Line, quantile, type Topic } from './topic.ts'

const POLL_MS = 2
const RESTART_MS_MAX = 20_000
const TURN_MS = 150

/** A service by the file that it stamps, as its command line names it. */
const pidOf = (running: Running, index: number): number => {
  const name = running.stamps(index).split('/').at(-1)
  const found = familyOf(running).services.find(({ words }) => words[1]?.split('/').at(-1) === name)
  if (found === undefined) throw new Error(`${running.name}: service ${index} does not run`)
  return found.pid
}

/** ms from SIGKILL to the new process's first instructions. */
async function restart(running: Running, index: number): Promise<number> {
  const path = running.stamps(index)
  const lives = startsOf(path).length
  const pid = pidOf(running, index)
  const killedAt = process.hrtime.bigint()
  process.kill(pid, 'SIGKILL')
  for (let waited = 0; waited < RESTART_MS_MAX; waited += POLL_MS) {
    await sleep(POLL_MS)
    const startedAt = startsOf(path)[lives]
    if (startedAt !== undefined) return Number(startedAt - killedAt) / 1e6
  }
  throw new Error(`${running.name}: no restart within ${RESTART_MS_MAX} ms\n${running.tail()}`)
}

/** Samples in ms. */
export interface Restarts {
  /** The service had run for long. */
  settled: number[]
  /** It had just been restarted. */
  young: number[]
}

/**
 * Kills service after service; the first `young` of them twice. No service is killed more often, so that
 * nobody's backoff grows. Within a round the programs follow one another at a distance: most wait for a
 * second, and meanwhile the quick ones are done.
 */
export async function restarting(
  programs: readonly Running[],
  settled: number,
  young: number,
): Promise<Map<string, Restarts>> {
  const samples = new Map<string, Restarts>()
  for (const { name } of programs) samples.set(name, { settled: [], young: [] })
  for (let index = 0; index < settled; index++) {
    const restarts = programs.map(async (running, turn) => {
      await sleep(turn * TURN_MS)
      samples.get(running.name)?.settled.push(await restart(running, index))
      if (index < young) samples.get(running.name)?.young.push(await restart(running, index))
    })
    await Promise.all(restarts)
  }
  return samples
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`

/** `delays`: by program, what its authors put in between. */
export function restartTopic(
  restarts: ReadonlyMap<string, Restarts>,
  delays: ReadonlyMap<string, string>,
): Topic {
  const lines = [...delays].map(([program, delay]): Line => {
    const own = restarts.get(program)
    if (own === undefined) return { program, cells: ['n/a', 'n/a', 'n/a', delay] }
    const { settled, young } = own
    return { program, cells: [settled, [quantile(settled, 0.95)], young, delay] }
  })
  return {
    title: "From a service's death to its restart",
    columns: [
      { heading: 'after a minute: median', format: ms },
      { heading: '95th percentile', format: ms },
      { heading: 'just restarted: median', format: ms },
      { heading: 'its own delay', format: String },
    ],
    lines,
    notes: [
      'SIGKILL of one of 100 services until its next process stamps CLOCK_MONOTONIC, which includes its exec;',
      "for solocloud also a root, namespaces and an init of the app's own. Each service is killed once or twice.",
    ],
  }
}
