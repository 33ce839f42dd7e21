// The text that a guest or a node prints on its console, and waiting for a line of it.
import type { Readable } from 'node:stream'

interface Waiter {
  pattern: RegExp
  from: number
  resolve: (match: RegExpExecArray) => void
  reject: (error: Error) => void
}

/** The end of the console that an error message carries, in characters. */
const TAIL_LENGTH = 6000

export class Console {
  #text = ''
  #ended = false
  /** Resolves when nothing more can come. */
  readonly ended: Promise<void>
  readonly #waiters = new Set<Waiter>()

  /** `onText` sees the text as it comes. */
  constructor(stream: Readable, onText: (text: string) => void = () => undefined) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      this.#text += text
      onText(text)
      for (const waiter of this.#waiters) this.#look(waiter)
    })
    this.ended = new Promise((resolve) => {
      stream.on('close', () => {
        this.#ended = true
        for (const waiter of this.#waiters) this.#refuse(waiter, 'the console ended')
        resolve()
      })
    })
  }

  /** Everything since power-on, with the terminal's carriage returns taken out. */
  get text(): string {
    return this.#text.replaceAll('\r', '')
  }

  /** A position for `waitFor`'s `from`: only what is printed after now. */
  get position(): number {
    return this.#text.length
  }

  /** The last characters, set off for an error message. */
  get tail(): string {
    return `--- console ---\n${this.text.slice(-TAIL_LENGTH).trimEnd()}\n--- end of console ---`
  }

  /**
   * The first match after `from`. Rejects, with the console in the message, after `timeoutMs`, when the
   * console ends, and at a kernel panic.
   */
  async waitFor(pattern: RegExp, timeoutMs: number, from = 0): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        pattern,
        from,
        resolve: (match) => {
          clearTimeout(timer)
          resolve(match)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const timer = setTimeout(() => this.#refuse(waiter, `not within ${timeoutMs} ms`), timeoutMs)
      this.#waiters.add(waiter)
      this.#look(waiter)
      if (this.#ended) this.#refuse(waiter, 'the console ended')
    })
  }

  #look(waiter: Waiter): void {
    const text = this.#text.slice(waiter.from)
    const match = waiter.pattern.exec(text)
    if (match !== null) {
      if (this.#waiters.delete(waiter)) waiter.resolve(match)
    } else if (text.includes('Kernel panic - not syncing')) {
      this.#refuse(waiter, 'kernel panic')
    }
  }

  #refuse(waiter: Waiter, reason: string): void {
    if (!this.#waiters.delete(waiter)) return
    const wanted = String(waiter.pattern)
    waiter.reject(new Error(`waiting for ${wanted} on the console: ${reason}\n${this.tail}`))
  }
}
