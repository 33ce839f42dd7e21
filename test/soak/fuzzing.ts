// Every fuzzer for its share of the time, on the corpus that the last time has left.
import { FUZZ_TARGETS, runFuzzers } from '../fuzz/run-fuzzers.ts'
import type { ProofOptions } from './proof.ts'

export async function fuzzing({ minutes, seed, report, ending }: ProofOptions) {
  const seconds = Math.max(1, Math.round((minutes * 60) / FUZZ_TARGETS.length))
  await runFuzzers({ seconds, seed, report, ending })
}
