// The proof: cuts the power at points of a recorded run, and each time the node comes back as it was before
// or as it was told to be, whole.
import { join } from 'node:path'
import { readWriteLog } from '../../qemu/write-log.ts'
import { seeded } from '../seeded.ts'
import { checkLeftDisk, checkNode } from './check-cut.ts'
import { cutAtPoints } from './cut-at-points.ts'
import { choosePoints, flushIntervals } from './points.ts'
import { record } from './recording.ts'

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
  await cutAtPoints(recording, {
    points: choosePoints(intervals, recording.steps, count, random),
    image: join(guest.dir, 'cut.img'),
    check: async (image, allowed) => {
      const facts = await checkLeftDisk(recording, allowed, image)
      await checkNode(recording, facts, image)
      return 'whole'
    },
    ...{ random, report },
  })
}
