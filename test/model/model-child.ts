// A process of the model, and how its plan tells what it is.
import type { AppPlanInput, Plans } from '../../init/supervisor/plans.ts'
import type { Pipe } from './descriptors.ts'

export interface ModelChild {
  pid: number
  /** 'app', 'refresh', 'unpack', or 'stray': a process that its app has left behind. */
  role: string
  /** Of an app. */
  name: string
  /** An app's or a refresh's root; an unpacker's staging directory. */
  root: string
  hasInit: boolean
  /** What it writes to, by its own numbers. */
  pipes: (Pipe | null)[]
  said: 'nothing' | 'started' | 'failed'
  ignoresTerm: boolean
  /** Sits in the kernel: a signal waits. */
  stuck: boolean
  pending: number | null
  /** It is to end: somebody has asked for that. */
  doomed: boolean
  /** Has ended and is not reaped. */
  status: number | null
}

export const modelPlans: Plans = {
  app: ({ name, root, isolation }: AppPlanInput) => ({
    namespaces: 0,
    steps: [
      ...(isolation === 'namespaces' ? [{ op: 'init' } as const] : []),
      { op: 'exec', argv: ['app', name, root, isolation] },
    ],
    env: [],
  }),
  refresh: ({ root }) => ({
    namespaces: 0,
    steps: [{ op: 'exec', argv: ['refresh', '', root, 'chroot'] }],
    env: [],
  }),
  words: ({ steps }) => steps.flatMap((step) => (step.op === 'exec' ? step.argv : [])),
  explain: (_, step, errno) => `step ${step} failed with ${errno}`,
}
