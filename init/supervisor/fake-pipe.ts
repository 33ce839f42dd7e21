// For tests: a pipe or a socket from a child, as our end of it is read.

const EAGAIN = -11

export class FakePipe {
  readonly waiting: Buffer[] = []
  ended = false
  ready: (() => void) | null = null

  say(bytes: Buffer): void {
    this.waiting.push(bytes)
    this.wake()
  }
  end(): void {
    this.ended = true
    this.wake()
  }
  wake(): void {
    this.ready?.()
  }
  /** A new watch is told of what waits already. */
  watch(ready: () => void): void {
    this.ready = ready
    const level = (): void => {
      if (this.ready !== ready || (this.waiting.length === 0 && !this.ended)) return
      ready()
      queueMicrotask(level)
    }
    queueMicrotask(level)
  }
  /** As Linux before 4.4 does: only what was written first. */
  peek(into: Uint8Array): number {
    const first = this.waiting[0]
    if (first === undefined) return this.ended ? 0 : EAGAIN
    into.set(first.subarray(0, into.length))
    return Math.min(first.length, into.length)
  }
  read(into: Uint8Array): number {
    const first = this.waiting.shift()
    if (first === undefined) return this.ended ? 0 : EAGAIN
    const count = Math.min(first.length, into.length)
    into.set(first.subarray(0, count))
    if (count < first.length) this.waiting.unshift(first.subarray(count))
    return count
  }
}
