// A progress bar on a terminal: bytes, the average rate of the phase, time left. Nothing elsewhere.
import cliProgress from 'cli-progress'
import type { Io } from './io.ts'
import { formatBytes } from '../terminal/units.ts'

const FORMAT =
  '{label}: {phase} [{bar}] {percentage}%  {done} of {size}  {rate}/s  {eta_formatted} left  {note}'

export class Bar {
  readonly #label: string
  readonly #bar: cliProgress.SingleBar | null
  #phase: string | null = null
  #startMs = 0
  #note = ''

  constructor(io: Io, label: string) {
    this.#label = label
    // The cursor stays visible: Ctrl-C ends this process without a chance to show it again.
    const options = { format: FORMAT, hideCursor: false, clearOnComplete: true, barsize: 24 }
    this.#bar =
      io.err.isTTY === true
        ? new cliProgress.SingleBar(
            { ...options, stream: io.err, etaBuffer: 50 },
            cliProgress.Presets.shades_classic,
          )
        : null
  }

  /** False where there is no terminal. */
  get visible(): boolean {
    return this.#bar !== null
  }

  /** A phase of another name begins a bar of its own. */
  show(phase: string, bytes: number, totalBytes: number): void {
    if (phase !== this.#phase) this.#begin(phase, totalBytes)
    this.#bar?.update(bytes, this.#payload(bytes, totalBytes))
  }

  note(text: string): void {
    this.#note = text
    if (this.#phase !== null) this.#bar?.update({ note: text })
  }

  hide(): void {
    if (this.#phase !== null) this.#bar?.stop()
    this.#phase = null
  }

  #begin(phase: string, totalBytes: number): void {
    this.hide()
    this.#phase = phase
    this.#startMs = performance.now()
    this.#bar?.start(totalBytes, 0, this.#payload(0, totalBytes))
  }

  #payload(bytes: number, totalBytes: number): object {
    const seconds = Math.max(performance.now() - this.#startMs, 1) / 1000
    return {
      label: this.#label,
      phase: this.#phase,
      done: formatBytes(bytes),
      size: formatBytes(totalBytes),
      rate: formatBytes(bytes / seconds),
      note: this.#note,
    }
  }
}
