// A supervisor that runs on this machine in namespaces of its own, ours or a peer: what all measures need of it.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { descendants, divide, type Process } from './process-tree.ts'
import { SERVICE } from './peers.ts'

export interface Running extends AsyncDisposable {
  name: string
  /** Its PID 1 on this machine. */
  pid: number
  /** A path here to the file that service number `index` stamps. */
  stamps(index: number): string
  /** Resolves once its own start is over, which may be later than that of its services. */
  ready(): Promise<void>
  /** What it has said of deaths of its own, a line each. */
  deaths(): string[]
  /** Of what it has printed, for an error. */
  tail(): string
}

export const START_MS_MAX = 120_000
const POLL_MS = 50

export interface Family {
  services: Process[]
  /** Whatever else descends from PID 1: its helpers. */
  helpers: Process[]
}

export const familyOf = ({ pid }: Running): Family => divide(descendants(pid), SERVICE)

/** Waits until `count` services run, and whoever runs them is done with starting. */
export async function untilRunning(running: Running, count: number): Promise<Family> {
  const start = performance.now()
  for (;;) {
    const family = familyOf(running)
    if (family.services.length === count) {
      await running.ready()
      return family
    }
    if (performance.now() - start > START_MS_MAX) {
      const found = `${family.services.length} of ${count} services run`
      throw new Error(`${running.name}: ${found}\n${running.tail()}`)
    }
    await sleep(POLL_MS)
  }
}

/** When the service was started, each time: ns of CLOCK_MONOTONIC. */
export function startsOf(path: string): bigint[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(BigInt)
}
