// What the operator has asked of one app, and what the node has promised about it.
import { AppError } from '../../init/supervisor/apps.ts'
import type { ModelState, Versions } from './model-state.ts'

export interface Operation {
  kind: 'push' | 'restart' | 'rollback' | 'remove'
  /** What there is once it has succeeded. */
  next: Versions | null
}

export class Operations {
  readonly #name: string
  readonly #state: ModelState
  readonly #violated: (what: string) => void
  /** What was acknowledged last. */
  known: Versions | null = null
  readonly pending = new Set<Operation>()

  constructor(name: string, state: ModelState, violated: (what: string) => void) {
    this.#name = name
    this.#state = state
    this.#violated = violated
  }

  /** `outcome` settles with the answer; `alive` tells whether there is still somebody to give it. */
  begins(operation: Operation, outcome: Promise<unknown>, alive: () => boolean): void {
    this.pending.add(operation)
    const over = (then: () => void): void => {
      if (!alive()) return
      this.pending.delete(operation)
      then()
      this.check()
    }
    outcome.then(
      () => over(() => (this.known = operation.next)),
      (error: unknown) =>
        over(() => {
          if (!(error instanceof AppError)) this.#violated(`${operation.kind}: ${String(error)}`)
        }),
    )
  }

  /** Nothing but what was acknowledged, or may be at any moment. */
  check(): void {
    const actual = this.#state.versions(this.#name)
    const allowed = [this.known, ...[...this.pending].map(({ next }) => next)]
    if (allowed.some((versions) => same(versions, actual))) return
    this.#violated(`${this.#name} is ${text(actual)}, acknowledged was ${text(this.known)}`)
  }

  /** The end of a life: what was not acknowledged has happened or not. */
  dies(): void {
    this.check()
    this.pending.clear()
    this.known = this.#state.versions(this.#name)
  }

  /** Versions that may run. */
  running(): (string | undefined)[] {
    const targets = [...this.pending].map(({ next }) => next?.current)
    return [this.known?.current, ...targets]
  }
  removes(): boolean {
    return [...this.pending].some(({ kind }) => kind === 'remove')
  }
}

const same = (one: Versions | null, other: Versions | null): boolean => text(one) === text(other)
const text = (versions: Versions | null): string =>
  versions === null ? 'not there' : `${versions.current} after ${versions.previous ?? 'nothing'}`
