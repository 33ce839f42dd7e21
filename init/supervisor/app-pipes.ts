// What connects PID 1 with an app: our ends outlive a death of ours.
import { closeSync, openSync } from 'node:fs'
import type { Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import { openChildPipe } from './pipes.ts'
import { openReport } from './report.ts'

export interface PipeTools {
  native: Native
  life: Life
  /** What apps read from. */
  devNull: string
}

export interface AppPipes {
  /** stdout, stderr, report; kept over a death of ours. */
  ours: [number, number, number]
  /** stdin, stdout, stderr, report. */
  theirs: number[]
}

/** Throws; nothing is left open then. */
export function openAppPipes({ native, life, devNull }: PipeTools): AppPipes {
  const ours: number[] = []
  const theirs: number[] = []
  const open = (pipe: { read: number; write: number }): number => {
    ours.push(pipe.read)
    theirs.push(pipe.write)
    life.keep(pipe.read)
    return pipe.read
  }
  try {
    theirs.push(openSync(devNull, 'r'))
    const stdout = open(openChildPipe(native, 'read'))
    const stderr = open(openChildPipe(native, 'read'))
    return { ours: [stdout, stderr, open(openReport(native))], theirs }
  } catch (error) {
    for (const fd of theirs) closeSync(fd)
    for (const fd of ours) closeKept(life, fd)
    throw error
  }
}

/** In this order: a number that is kept belongs to what was open under it when it was kept. */
export function closeKept(life: Life, fd: number): void {
  life.unkeep(fd)
  closeSync(fd)
}
