// A plan as the words of its child's argv (docs/ARCHITECTURE.md, "A spawn").
import type { SpawnPlan, Step } from './plan.ts'

/** MAX_ARG_STRLEN of the kernel's binfmts.h: 32 pages, the NUL included. */
const WORD_BYTES_MAX = 131_071

/** Throws when the kernel could not take a word as it is. */
export function planWords(plan: SpawnPlan): string[] {
  const words = plan.steps.flatMap((step) => [step.op, ...fields(step).map(word)])
  for (const text of [...words, ...plan.env]) {
    if (text.includes('\0')) throw new Error(`a word of the app's plan has a NUL in it`)
    if (Buffer.byteLength(text) > WORD_BYTES_MAX) {
      throw new Error(`a word of the app's plan is over ${WORD_BYTES_MAX} bytes`)
    }
  }
  return words
}

function word(field: string | number | boolean): string {
  if (typeof field === 'boolean') return field ? '1' : '0'
  if (typeof field === 'number' && !Number.isSafeInteger(field)) {
    throw new Error(`BUG: ${field} in a plan`)
  }
  return `${field}`
}

/** In the order of their declaration in plan.ts, which is the order that native/spawn.c reads. */
function fields(step: Step): (string | number | boolean)[] {
  switch (step.op) {
    case 'setsid':
    case 'pivot-root':
    case 'chroot':
    case 'no-new-privs':
    case 'init':
    case 'exit':
      return []
    case 'cgroup':
    case 'chdir':
      return [step.path]
    case 'oom-score-adj':
      return [step.value]
    case 'rlimit':
      return [step.resource, step.soft, step.hard]
    case 'enter-mount-namespace':
    case 'enter-directory':
      return [step.root]
    case 'mount':
      return [step.source, step.target, step.fstype, step.flags, step.data, step.optional]
    case 'device':
      return [step.path, step.mode, step.major, step.minor]
    case 'symlink':
      return [step.target, step.path]
    case 'write':
      return [step.path, step.mode, step.content]
    case 'hostname':
      return [step.name]
    case 'user':
      return [step.user, step.keep]
    case 'exec':
      return [step.argv.length, ...step.argv]
  }
}
