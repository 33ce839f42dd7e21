// Who follows an app's log, so that they can be told that it ended.

export class Followers {
  readonly #ends = new Map<string, Set<() => void>>()

  /** `end` is called at most once per call of end(); the returned function takes it out again. */
  add(name: string, end: () => void): () => void {
    const ends = this.#ends.get(name) ?? new Set()
    this.#ends.set(name, ends.add(end))
    return () => {
      ends.delete(end)
      if (ends.size === 0 && this.#ends.get(name) === ends) this.#ends.delete(name)
    }
  }

  /** The app is gone. */
  end(name: string): void {
    for (const end of [...(this.#ends.get(name) ?? [])]) end()
  }

  /** The server closes. */
  endAll(): void {
    for (const name of [...this.#ends.keys()]) this.end(name)
  }
}
