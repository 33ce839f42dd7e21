// Run by addon.test.ts: a watch that throws twice, then ends. One line for each thing that happens.
import { loadNative } from '../../sys/load.ts'
import { openPipe } from '../../sys/pipe.ts'
import { writeSync } from 'node:fs'

const native = loadNative()
const pipe = openPipe(native)
let calls = 0
process.on('uncaughtException', (error) => console.log(`caught ${error.message}`))

native.watch(pipe.read, () => {
  calls += 1
  if (calls > 2) {
    native.unwatch(pipe.read)
    console.log('end')
    return
  }
  const call = calls
  process.nextTick(() => console.log(`tick ${call}`))
  throw new Error(`${call}`)
})
writeSync(pipe.write, 'x')
