// Run by record.test.ts in a process of its own: one "life" over the record in LIFE_FD. Says what the life
// before has left, then does what its words ask for.
import { closeSync, writeSync } from 'node:fs'
import { loadNative } from '../../sys/load.ts'
import { openLife } from '../../sys/life.ts'
import { openPipe } from '../../sys/pipe.ts'

const native = loadNative()
const life = openLife(native)
const buffer = new Uint8Array(65_536)
const text = (count: number): string => Buffer.from(buffer.subarray(0, count)).toString()
const CHILD = 7

const about = new Float64Array(5)
const pending = native.logPending(buffer, about)
const found = {
  lives: life.get('lives'),
  notes: life.notes(),
  kept: life.kept(),
  child: life.child(CHILD),
  pending: pending > 0 ? { text: text(pending), about: [...about] } : pending,
  rest: text(native.logRest(CHILD, 1, buffer)),
}
writeSync(1, `${JSON.stringify(found)}\n`)

/** A chunk of the log of `child`'s standard error. */
function take(line: string): number {
  const pipe = openPipe(native)
  writeSync(pipe.write, line)
  closeSync(pipe.write)
  const count = native.logTake(pipe.read, CHILD, 1, 1234, buffer)
  writeSync(1, `${JSON.stringify([count, text(count)])}\n`)
  return count
}

for (const word of process.argv.slice(2)) {
  const [act, value = ''] = word.split('=')
  if (act === 'note') life.write(CHILD, { value })
  else if (act === 'keep') life.keep(Number(value))
  else if (act === 'unkeep') life.unkeep(Number(value))
  else if (act === 'take') take(value)
  else if (act === 'batch') native.logBatch(Number(value), 10)
  else if (act === 'commit') native.logCommit(CHILD, 1, Buffer.from(value))
  else if (act === 'spawn') native.spawn(['node', '-e', value], [], 0, [0, 1, 2], CHILD)
  else if (act === 'reap') while (native.reap(new Int32Array(2)) === 0);
  else if (act === 'forget') life.forget(CHILD)
  else if (act === 'release') life.release(CHILD)
  else if (act === 'die') native.die('a test', value)
  else throw new Error(`unknown: ${word}`)
}
process.exit()
