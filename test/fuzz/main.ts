// Fuzzes the targets named, or all of them. What is worth keeping goes to .cache/fuzz/TARGET/corpus.
// Usage: [FUZZ_SECONDS=n] [FUZZ_SEED=n] main.ts [TARGET...]
import { endOfLife } from '../../demo/lifetime.ts'
import { chooseSeed } from '../seeded.ts'
import { runFuzzers } from './run-fuzzers.ts'

const SECONDS_DEFAULT = 60

const seed = chooseSeed('FUZZ_SEED')
const seconds = Number(process.env['FUZZ_SECONDS'] ?? SECONDS_DEFAULT)
const ending = endOfLife()
const report = (line: string): void => void process.stdout.write(`${line}\n`)
report(`FUZZ_SEED=${seed}, ${seconds} s each`)
let status = 0
try {
  await runFuzzers({ seconds, seed, targets: process.argv.slice(2), report, ending })
} catch (error) {
  report(`FUZZ_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`)
  status = 1
}
process.exit(ending.aborted ? 130 : status)
