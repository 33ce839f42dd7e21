// `make soak`: the long proofs, one after the other; the longer the better. With names, only these.
// Usage: [SOAK_SEED=n] [SOAK_MINUTES=n] [SOAK_POINTS=n] [SOAK_SYSTEMS='dracut uefi ...'] main.ts [PROOF...]
import { ended, endOfLife } from '../../demo/lifetime.ts'
import { say } from '../../demo/tour.ts'
import { chooseSeed } from '../seeded.ts'
import { chosenProofs } from './proofs.ts'

const MINUTES_DEFAULT = 60
const POINTS_DEFAULT = 100

/** A failure that made the tidying up fail too is the one to be told first. */
function wordsOf(error: unknown): string {
  if (error instanceof SuppressedError)
    return `${wordsOf(error.suppressed)}\nafter which: ${wordsOf(error.error)}`
  return error instanceof Error ? error.message : String(error)
}

const seed = chooseSeed('SOAK_SEED')
const ending = endOfLife()
const options = {
  minutes: Number(process.env['SOAK_MINUTES'] ?? MINUTES_DEFAULT),
  points: Number(process.env['SOAK_POINTS'] ?? POINTS_DEFAULT),
  systems: (process.env['SOAK_SYSTEMS'] ?? '').split(/[\s,]+/).filter((name) => name !== ''),
  ...{ seed, report: say, ending },
}
const failed: string[] = []
for (const [name, proof] of chosenProofs(process.argv.slice(2))) {
  say(`\n${name}: SOAK_SEED=${seed}`)
  try {
    await Promise.race([proof(options), ended(ending)])
  } catch (error) {
    failed.push(name)
    say(`${name} FAILED, SOAK_SEED=${seed}: ${wordsOf(error)}`)
  }
  if (ending.aborted) break
}
say(failed.length === 0 ? '\nall holds' : `\nfailed: ${failed.join(', ')}`)
process.exit(failed.length === 0 && !ending.aborted ? 0 : 1)
