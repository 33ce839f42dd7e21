// Runs the new file's `cloud self-check` in a child, and reads what it says about itself.
import { closeSync, openSync } from 'node:fs'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import { availableMemory } from '../../sys/meminfo.ts'
import { AppError } from '../supervisor/apps.ts'
import type { Clock } from '../supervisor/clock.ts'
import { describeExit } from '../supervisor/describe-exit.ts'
import { openChildPipe, readPipe, type PipeReader } from '../supervisor/pipes.ts'
import { runPlan, type PlanEnd, type PlanRunner } from '../supervisor/plans.ts'
import { selfReport, type SelfReport } from './self-report.ts'

export interface SelfTestTools {
  runner: PlanRunner
  clock: Clock
  /** /proc */
  proc: string
  devNull: string
}

/** A small machine in an emulator takes 15 s. */
export const SELF_TEST_MS_MAX = 60_000
/** A Node.js with every check; its code is page cache, which the kernel can drop. */
const MEMORY_BYTES_MIN = 32 * 1024 ** 2
/** Its report is a dozen short lines. */
const OUTPUT_BYTES_MAX = 64 * 1024
const LAST_READS_MAX = 64
const SIGKILL = 9
/** The kernel ends this child before any app, should memory run out. */
const FIRST_TO_END = 1000

/** Rejects with AppError, in the words of the check that failed where there are some. */
export async function selfTest(tools: SelfTestTools, path: string): Promise<SelfReport> {
  refuseWithoutMemory(tools.proc)
  const { end, failure, stdout, stderr, killed } = await run(tools, path)
  if (killed !== null) throw failed(killed)
  if (failure !== null) throw failed(failure)
  const report = selfReport(stdout)
  if (report.failed !== null) throw failed(report.failed)
  if (end.exitCode !== 0) {
    const hint = end.signal === 'SIGKILL' ? 'did the node run out of memory?' : lastLine(stderr)
    throw failed(`it ${describeExit(end)}${hint === '' ? '' : `: ${hint}`}`)
  }
  return report
}

/** Throws AppError: with less, the test and PID 1 push each other's code out of memory. */
export function refuseWithoutMemory(procDir: string): void {
  const available = availableMemory(procDir)
  if (available === null || available >= MEMORY_BYTES_MIN) return
  const [has, wants] = [available, MEMORY_BYTES_MIN].map((bytes) => Math.floor(bytes / 1024 ** 2))
  throw new AppError(
    'memory-low',
    `The test of the new file wants ${wants} MiB of memory and the node has ${has} MiB available; ` +
      'stop an app first.',
  )
}

export function selfTestPlan(path: string): SpawnPlan {
  return {
    namespaces: 0,
    env: [],
    steps: [
      { op: 'oom-score-adj', value: FIRST_TO_END },
      { op: 'exec', argv: [path, 'cloud', 'self-check'] },
    ],
  }
}

interface Ended extends PlanEnd {
  stdout: string
  stderr: string
  /** Why we ended it, or null. */
  killed: string | null
}

async function run({ runner, clock, devNull }: SelfTestTools, path: string): Promise<Ended> {
  const { native } = runner
  const { promise, resolve } = Promise.withResolvers<Ended>()
  let pid: number | null = null
  let killed: string | null = null
  const kill = (why: string): void => {
    killed ??= why
    if (pid !== null) native.kill(pid, SIGKILL)
  }
  const disarm = clock.after(SELF_TEST_MS_MAX, () => {
    kill(`it was not done after ${SELF_TEST_MS_MAX / 1000} s`)
  })
  const said = listen(runner, () => kill('it says more than a self-test has to say'))
  try {
    const nothing = openSync(devNull, 'r')
    said.childEnds.push(nothing)
    const stdio = [nothing, said.open('stdout'), said.open('stderr')] as const
    pid = runPlan(runner, selfTestPlan(path), stdio, {
      started: () => undefined,
      ended(end) {
        pid = null
        disarm()
        said.end()
        resolve({ ...end, ...said.texts, killed })
      },
    })
  } catch (error) {
    disarm()
    said.end()
    throw error
  } finally {
    for (const fd of said.childEnds) closeSync(fd)
  }
  return promise
}

interface Said {
  texts: { stdout: string; stderr: string }
  /** The caller closes them once there is a child. */
  childEnds: number[]
  /** A pipe's end for the child. */
  open(stream: 'stdout' | 'stderr'): number
  end(): void
}

function listen({ native, buffer }: PlanRunner, tooMuch: () => void): Said {
  const texts = { stdout: '', stderr: '' }
  const childEnds: number[] = []
  const readers: PipeReader[] = []
  return {
    texts,
    childEnds,
    open(stream) {
      const pipe = openChildPipe(native, 'read')
      childEnds.push(pipe.write)
      const bytes = (chunk: Uint8Array): void => {
        if (texts[stream].length < OUTPUT_BYTES_MAX) texts[stream] += Buffer.from(chunk).toString()
        else tooMuch()
      }
      readers.push(readPipe(native, pipe.read, buffer, { bytes }))
      return pipe.write
    },
    end() {
      for (const reader of readers) {
        reader.drain(LAST_READS_MAX)
        reader.close()
      }
    },
  }
}

/** Without the lines of a stack, which are indented. */
const lastLine = (text: string): string =>
  text
    .split('\n')
    .filter((line) => /^\S/.test(line))
    .at(-1) ?? ''

function failed(why: string): AppError {
  return new AppError(
    'self-test-failed',
    `The new file does not work on this node: ${why.slice(0, 500)}.`.replace(/([.?!])\.$/, '$1'),
  )
}
