// The deaths that a test can ask for, and the words of `solocloud.faults` that ask.
import { parseHostPort, type HostPort } from '../protocol/host-port.ts'

/** Native code's, also `@thread`: on a fresh thread instead of the main one (native/fault.h). */
export const THREAD_FAULTS = [
  ...(['segv', 'bus', 'ill', 'fpe', 'abrt', 'trap', 'sys', 'stack'] as const),
  ...(['native-exit', 'fast-exit'] as const),
] as const
/** Native code's on the main thread. */
export const MAIN_FAULTS = [
  ...(['native-hang', 'sleep-hang', 'empty'] as const),
  ...(['signal:SIGSEGV', 'signal:SIGBUS', 'signal:SIGILL', 'signal:SIGFPE'] as const),
  ...(['signal:SIGABRT', 'signal:SIGTRAP', 'signal:SIGSYS'] as const),
] as const
/** Native code's, of the whole machine: refused where that is not ours. */
export const MACHINE_FAULTS = ['freeze', 'frozen-disk', 'panic', 'starve'] as const
/** JavaScript's own (faults.ts). */
export const SCRIPT_FAULTS = ['heap', 'throw', 'reject', 'exit', 'process-abort', 'hang'] as const

export type ScriptFault = (typeof SCRIPT_FAULTS)[number]
export type NativeFault =
  | (typeof THREAD_FAULTS)[number]
  | `${(typeof THREAD_FAULTS)[number]}@thread`
  | (typeof MAIN_FAULTS)[number]
  | (typeof MACHINE_FAULTS)[number]
export type FaultKind = ScriptFault | NativeFault

export const NATIVE_FAULTS: readonly NativeFault[] = [
  ...THREAD_FAULTS,
  ...THREAD_FAULTS.map((kind) => `${kind}@thread` as const),
  ...MAIN_FAULTS,
  ...MACHINE_FAULTS,
]
export const FAULT_KINDS: readonly FaultKind[] = [...SCRIPT_FAULTS, ...NATIVE_FAULTS]

const has = <T extends string>(kinds: readonly T[], word: string): word is T =>
  kinds.some((kind) => kind === word)
export const isFaultKind = (word: string): word is FaultKind => has(FAULT_KINDS, word)
export const isScriptFault = (kind: FaultKind): kind is ScriptFault => has(SCRIPT_FAULTS, kind)

export type FaultSpec =
  /** Whoever connects there sends a kind and a line feed. */
  | { listen: HostPort | { path: string } }
  /** When JavaScript starts, in the first `lives` lives. */
  | { start: FaultKind; lives: number }
  /** The loader's own, before Node is there (native/loader-life.h). */
  | { loader: number }

const LIVES_MAX = 1000

/** `listen:HOST:PORT`, `listen:/path`, `start:KIND`, `start:KIND*LIVES` or `loader*LIVES`; null: it is not. */
export function parseFaults(value: string): FaultSpec[] | null {
  const specs = value.split(',').map(parseSpec)
  return specs.every((spec) => spec !== null) ? specs : null
}

function parseSpec(word: string): FaultSpec | null {
  const early = Number(/^loader\*(\d{1,4})$/.exec(word)?.[1])
  if (early >= 1 && early <= LIVES_MAX) return { loader: early }
  const [, act = '', what = ''] = /^(listen|start):(.+)$/.exec(word) ?? []
  if (act === 'listen') {
    const where = what.startsWith('/') ? { path: what } : parseHostPort(what)
    return where && { listen: where }
  }
  const [, kind = '', lives = '1'] = /^([^*]+)(?:\*(\d{1,4}))?$/.exec(what) ?? []
  const valid = isFaultKind(kind) && Number(lives) >= 1 && Number(lives) <= LIVES_MAX
  return valid ? { start: kind, lives: Number(lives) } : null
}
