// Runs the fuzzers one after the other, each for a bounded time, and says what came of it.
import { JAVASCRIPT_TARGETS } from './javascript-targets.ts'
import { NATIVE_TARGETS } from './native-targets.ts'
import type { Outcome, RunOptions } from './outcome.ts'
import { runJavaScript } from './run-javascript.ts'
import { runNative } from './run-native.ts'

export const FUZZ_TARGETS: readonly string[] = [
  ...JAVASCRIPT_TARGETS.keys(),
  ...NATIVE_TARGETS.keys(),
]

export interface FuzzOptions extends RunOptions {
  /** All of them when there are none. */
  targets?: readonly string[]
  report: (line: string) => void
}

/** `seconds` for each target. Rejects with a sentence about the targets in which something was found. */
export async function runFuzzers(options: FuzzOptions): Promise<void> {
  const { targets = [], report, ending } = options
  const found: string[] = []
  for (const name of targets.length > 0 ? targets : FUZZ_TARGETS) {
    const { finding, ...sum } = await runOne(name, options)
    if (ending.aborted) return
    report(lineOf(name, sum))
    if (finding === null) continue
    found.push(name)
    report(`  ${finding.why.trimEnd().replaceAll('\n', '\n  ')}\n  reproducer: ${finding.file}`)
  }
  if (found.length > 0) throw new Error(`fuzzing found something in ${found.join(', ')}`)
}

function runOne(name: string, options: RunOptions): Promise<Outcome> {
  const native = NATIVE_TARGETS.get(name)
  if (native !== undefined) return runNative(name, native, options)
  if (JAVASCRIPT_TARGETS.has(name)) return runJavaScript(name, options)
  throw new Error(`no target ${name}; there are ${FUZZ_TARGETS.join(', ')}`)
}

function lineOf(
  name: string,
  { executions, covered, added, kept }: Omit<Outcome, 'finding'>,
): string {
  const count = `${executions} executions`.padStart(20)
  return `${name.padEnd(16)} ${count}   ${covered}, ${added} new of ${kept} inputs`
}
