// Shows a push: a bar on a terminal while bytes move, and a line for each thing that has happened.
import type { AppStatus, Progress } from '../protocol/api.ts'
import { Bar } from './bar.ts'
import { printJson, printLine, type Io } from './io.ts'
import { printable } from '../terminal/table.ts'
import { formatBytes } from '../terminal/units.ts'

export interface PushView {
  hashing(bytes: number): void
  sending(bytes: number): void
  event(progress: Progress): void
  /** The bar is gone after it; call it before anything else is printed. */
  end(): void
}

/** `totalBytes`: the packed image's size. A rollback has none. */
export function pushView(io: Io, json: boolean, app: string, totalBytes = 0): PushView {
  if (json) return jsonView(io, app)
  return new TextView(io, app, totalBytes)
}

/** The node's events as they are, with the app's name. */
function jsonView(io: Io, app: string): PushView {
  return {
    hashing: () => undefined,
    sending: () => undefined,
    event: (progress) => printJson(io, { name: app, ...progress }),
    end: () => undefined,
  }
}

class TextView implements PushView {
  readonly #io: Io
  readonly #app: string
  readonly #totalBytes: number
  readonly #bar: Bar
  #announced = false

  constructor(io: Io, app: string, totalBytes: number) {
    this.#io = io
    this.#app = app
    this.#totalBytes = totalBytes
    this.#bar = new Bar(io, app)
  }

  hashing(bytes: number): void {
    this.#bar.show('reading', bytes, this.#totalBytes)
  }

  sending(bytes: number): void {
    if (!this.#announced && !this.#bar.visible) {
      this.#line(`sending ${formatBytes(this.#totalBytes)}`)
    }
    this.#announced = true
    this.#bar.show('sending', bytes, this.#totalBytes)
  }

  event(progress: Progress): void {
    if (progress.event === 'unpacking') {
      this.#bar.note(`unpacked ${formatBytes(progress.bytes)}`)
      return
    }
    const text = describe(progress)
    if (text !== null) this.#line(text)
  }

  end(): void {
    this.#bar.hide()
  }

  #line(text: string): void {
    this.#bar.hide()
    printLine(this.#io, `${this.#app}: ${printable(text)}`)
  }
}

const manages = ({ management }: AppStatus): string =>
  management ? '; it may manage the node (management: true)' : ''

/** null: not worth a line. An error is told by whoever ends the command. */
function describe(progress: Progress): string | null {
  switch (progress.event) {
    case 'waiting':
      return `waiting: ${progress.reason}`
    case 'unpacking':
    case 'error':
      return null
    case 'unpacked':
      return `unpacked ${formatBytes(progress.bytes)}, ${progress.entries} files`
    case 'stopping':
      return `stopping generation ${progress.generation}`
    case 'starting':
      return `starting generation ${progress.generation}`
    case 'started':
      return `started, pid ${progress.pid} (${progress.isolation})`
    case 'rolling-back':
      return `going back to generation ${progress.generation}: ${progress.reason}`
    case 'running':
      return `running, generation ${progress.app.generation}${manages(progress.app)}`
  }
}
