// How a process ended, in words that continue a sentence.
import type { ProcessEnd } from '../../sys/process.ts'

export const describeExit = (end: Pick<ProcessEnd, 'exitCode' | 'signal'>): string =>
  end.signal === null
    ? `exited with status ${end.exitCode ?? 'unknown'}`
    : `was ended by ${end.signal}`
