// What takes back what was done so far, the last first.

export class Undo {
  readonly #steps: { what: string; act: () => void }[] = []

  /** `what`: for people, when even that fails. */
  push(what: string, act: () => void): void {
    this.#steps.push({ what, act })
  }

  /** Each by itself: one that fails does not keep the others. Why something is left, a clause each. */
  run(): string[] {
    const problems: string[] = []
    for (const { what, act } of this.#steps.splice(0).toReversed()) {
      try {
        act()
      } catch (error) {
        problems.push(`${what}: ${(error as Error).message}`)
      }
    }
    return problems
  }
}
