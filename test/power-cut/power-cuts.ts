// The proof: cuts the power at points of a recorded run, and each time the node comes back as it was before
// or as it was told to be, whole.
import { join } from 'node:path'
import { command } from '../../qemu/command.ts'
import { readWriteLog } from '../../qemu/write-log.ts'
import { noneSurvives, Replay, someSurvive } from '../../qemu/write-log-replay.ts'
import { seeded } from '../seeded.ts'
import { checkLeftDisk, checkNode } from './check-cut.ts'
import { choosePoints, flushIntervals, type Point } from './points.ts'
import { record, type Recording } from './recording.ts'

export interface PowerCutOptions {
  points: number
  seed: number
  report: (line: string) => void
}

/** Rejects, after all of them, with the points at which something was lost, half or left over. */
export async function powerCuts({ points: count, seed, report }: PowerCutOptions): Promise<void> {
  const recording = await record(report)
  await using guest = recording.guest
  const random = seeded(seed)
  const intervals = await flushIntervals(readWriteLog(recording.log))
  report(`${intervals.length} flushes recorded`)
  const image = join(guest.dir, 'cut.img')
  const failures: string[] = []
  await using replay = await Replay.open(recording.log, recording.base)
  for (const point of choosePoints(intervals, recording.steps, count, random)) {
    const startMs = performance.now()
    await replay.advance(point.at)
    await replay.cut(image, point.unflushed === 'lost' ? noneSurvives : someSurvive(random))
    const what = describe(point, replay.unflushed)
    try {
      const facts = await checkLeftDisk(recording, point, image)
      await checkNode(recording, facts, image)
      report(`${what}: whole, ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`)
      report(failures.at(-1) ?? '')
    }
  }
  await expectFaithful(recording, replay, image)
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${count} points:\n${failures.join('\n')}`)
}

function describe({ at, step, unflushed }: Point, writes: number): string {
  const how = unflushed === 'lost' ? 'right after a flush' : `${writes} unflushed, kept in part`
  return `${step}, byte ${at} of the log, ${how}`
}

/** With nothing lost, the replay must end in the disk that QEMU wrote, or it proves nothing. */
async function expectFaithful({ guest }: Recording, replay: Replay, image: string): Promise<void> {
  await replay.advance(Infinity)
  await replay.cut(image, () => true)
  await command('cmp', [image, guest.disk])
}
