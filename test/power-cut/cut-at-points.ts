// Cuts the power at points of a recorded run, one after the other, and goes on where a check fails.
import { command } from '../../qemu/command.ts'
import { noneSurvives, Replay, someSurvive } from '../../qemu/write-log-replay.ts'
import { allowedAt, type Point, type Step } from './points.ts'

export interface Recorded<Facts> {
  log: string
  /** The disk when the log began; it is written to. */
  base: string
  /** The disk as QEMU has left it. */
  disk: string
  /** In the order of time. */
  steps: readonly Step<Facts>[]
}

export interface Cutting<Facts> {
  /** Sorted by position. */
  points: readonly Point[]
  /** Where the disk after each cut is put. */
  image: string
  /** Resolves with what was found, in a few words; rejects when that may not be. */
  check: (image: string, allowed: readonly Facts[], point: Point) => Promise<string>
  random: () => number
  report: (line: string) => void
}

/** Rejects, after all of them, with the points at which a check failed. */
export async function cutAtPoints<Facts>(
  { log, base, disk, steps }: Recorded<Facts>,
  { points, image, check, random, report }: Cutting<Facts>,
): Promise<void> {
  const failures: string[] = []
  await using replay = await Replay.open(log, base)
  for (const point of points) {
    const startMs = performance.now()
    await replay.advance(point.at)
    await replay.cut(image, point.unflushed === 'lost' ? noneSurvives : someSurvive(random))
    const what = describe(point, replay.unflushed)
    try {
      const found = await check(image, allowedAt(steps, point.at), point)
      report(`${what}: ${found}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`)
      report(failures.at(-1) ?? '')
    }
  }
  await expectFaithful(replay, image, disk)
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${points.length} points:\n${failures.join('\n')}`)
}

function describe({ at, span, unflushed }: Point, writes: number): string {
  const how = unflushed === 'lost' ? 'right after a flush' : `${writes} unflushed, kept in part`
  return `${span}, byte ${at} of the log, ${how}`
}

/** With nothing lost, the replay must end in the disk that QEMU wrote, or it proves nothing. */
async function expectFaithful(replay: Replay, image: string, disk: string): Promise<void> {
  await replay.advance(Infinity)
  await replay.cut(image, () => true)
  await command('cmp', [image, disk])
}
