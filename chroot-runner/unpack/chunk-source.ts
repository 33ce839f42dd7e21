// Pulls chunks out of a stream one at a time, and takes back what was not used.

export class ChunkSource {
  readonly #iterator: AsyncIterator<Buffer>
  #returned: Buffer[] = []

  constructor(input: AsyncIterable<Buffer>) {
    this.#iterator = input[Symbol.asyncIterator]()
  }

  /** The next chunk, never empty; null at the end. */
  async next(): Promise<Buffer | null> {
    const returned = this.#returned.pop()
    if (returned !== undefined) return returned
    for (;;) {
      const result = await this.#iterator.next()
      if (result.done === true) return null
      if (result.value.length > 0) return result.value
    }
  }

  /** Gives `chunk` back: it comes first again. */
  unshift(chunk: Buffer): void {
    if (chunk.length > 0) this.#returned.push(chunk)
  }

  /** The first bytes, at least `length` of them unless the input is shorter; they come again. */
  async peek(length: number): Promise<Buffer> {
    let head = Buffer.alloc(0)
    while (head.length < length) {
      const chunk = await this.next()
      if (chunk === null) break
      head = Buffer.concat([head, chunk])
    }
    this.unshift(head)
    return head
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let chunk = await this.next(); chunk !== null; chunk = await this.next()) yield chunk
  }
}
