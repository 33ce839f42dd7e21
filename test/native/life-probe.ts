// Run by watchdog.test.ts and fault.test.ts with a fake loader: one way to stand still, or kinds of death.
import { loadNative } from '../../sys/load.ts'

const native = loadNative()
const [what = '', kinds = ''] = process.argv.slice(2)

function endless(): void {
  for (;;) continue
}
function sleepLong(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  // Ours, not the one that stood still.
  setTimeout(() => process.exit(0), 1500)
}
/** What is refused does not happen: nothing is left to wait for. */
function tell(results: number[]): void {
  console.log(results.join(' '))
  if (results.every((result) => result < 0)) process.exit(0)
}
const acts: Readonly<Record<string, () => void>> = {
  hang: () => setTimeout(endless, 10),
  idle: () => setTimeout(() => process.exit(0), 2500),
  pause: () => setTimeout(sleepLong, 10),
  finish: () => tell([native.finishWithin(2)]),
  fault: () => tell(kinds.split(' ').map((kind) => native.fault(kind))),
  twice: () => {
    // The same thread and timer, with a longer time.
    console.log(native.watchdog(30, -1))
    setTimeout(() => process.exit(0), 2500)
  },
}
console.log(native.watchdog(1, -1))
// Referenced, unlike the watchdog's own timer.
setInterval(() => undefined, 1000)
acts[what]?.()
