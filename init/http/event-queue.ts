// Carries events from callbacks to one asynchronous reader. The producer bounds it: see `cost`.

export class EventQueue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = []
  readonly #costOf: (item: T) => number
  #cost = 0
  #ended = false
  #wake: (() => void) | null = null

  constructor(costOf: (item: T) => number = () => 1) {
    this.#costOf = costOf
  }

  /** What the unread items cost together; a producer stops pushing above a limit of its own. */
  get cost(): number {
    return this.#cost
  }

  /** The newest unread item. */
  get last(): T | undefined {
    return this.#waiting.at(-1)
  }

  push(item: T): void {
    if (this.#ended) return
    this.#waiting.push(item)
    this.#cost += this.#costOf(item)
    this.#wake?.()
  }

  /** Puts `item` in the place of the newest unread one, for a producer that merges. */
  replaceLast(item: T): void {
    const last = this.#waiting.pop()
    if (last !== undefined) this.#cost -= this.#costOf(last)
    this.push(item)
  }

  /** What is queued can still be read; nothing can be added. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** Ends, and forgets what nobody will read. */
  clear(): void {
    this.#waiting.length = 0
    this.#cost = 0
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#waiting.shift()
      if (item !== undefined) {
        this.#cost -= this.#costOf(item)
        yield item
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = null
      }
    }
  }
}
