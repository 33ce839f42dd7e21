// One power-on of a virtual VPS: how long until it answers, and how much memory it then uses.
import { rm } from 'node:fs/promises'
import { command } from '../qemu/command.ts'
import { startVps, type Vps, type VpsOptions } from '../qemu/vps.ts'
import { ask, at, isRefused, type Pace, type Probe, untilAnswer } from './probe.ts'

export interface Guest {
  vps: Vps
  /** When QEMU was started, on performance.now()'s clock. */
  poweredOnAt: number
}

export type Machine = Pick<VpsOptions, 'kernel' | 'initramfs'>

const ANSWER: Pace = { pauseMs: 20, attemptMs: 30_000, timeoutMs: 180_000 }
// QEMU accepts a connection before the guest has a network, and then may hold it for seconds. So the first
// question goes to a port where nobody listens, often: a refusal costs the guest nothing and shows its network.
const NETWORK: Pace = { pauseMs: 0, attemptMs: 200, timeoutMs: 180_000 }
const CLOSED_PORT = 9
const MEMORY_REPORT_MS_MAX = 180_000

/**
 * Powers a guest on, hands it to `use`, and pulls its plug. The guest gets a copy of `disk`, so that every
 * power-on finds the same.
 */
export async function withGuest<T>(
  machine: Machine,
  disk: string,
  ports: readonly number[],
  use: (guest: Guest) => Promise<T>,
): Promise<T> {
  const scratch = `${disk}.scratch`
  await command('cp', ['--sparse=always', disk, scratch])
  try {
    const poweredOnAt = performance.now()
    // `quiet` is what Debian boots with.
    await using vps = await startVps({
      ...machine,
      disk: scratch,
      ports: [...ports, CLOSED_PORT],
      append: ['quiet'],
    })
    return await use({ vps, poweredOnAt })
  } finally {
    await rm(scratch, { force: true })
  }
}

/** ms from power-on until the guest's `port` answers as expected. Rejects with the console. */
export async function timeToAnswer(
  { vps, poweredOnAt }: Guest,
  port: number,
  what: Pick<Probe, 'send' | 'expect'>,
): Promise<number> {
  const probe = { ...at(vps.address(port)), ...what }
  const ended = new AbortController()
  void vps.gone.then(() => ended.abort())
  try {
    const closed = at(vps.address(CLOSED_PORT))
    await untilAnswer((signal) => isRefused(closed, signal), NETWORK, ended.signal)
    await untilAnswer((signal) => ask(probe, signal), ANSWER, ended.signal)
  } catch (error) {
    throw new Error(`port ${port} of the guest\n${vps.console.tail}`, { cause: error })
  }
  return performance.now() - poweredOnAt
}

/** Bytes of memory in use (MemTotal - MemAvailable) from the /proc/meminfo that the guest prints. */
export async function reportedMemory({ vps }: Guest): Promise<number> {
  await vps.console.waitFor(/MemAvailable:\s+\d+ kB/, MEMORY_REPORT_MS_MAX)
  return memoryInUse(vps.console.text)
}

/** MemTotal - MemAvailable, in bytes. Throws when `meminfo` lacks either. */
export function memoryInUse(meminfo: string): number {
  const bytes = (name: string): number => {
    const value = new RegExp(`${name}:\\s+(\\d+) kB`).exec(meminfo)?.[1]
    if (value === undefined) throw new Error(`no ${name} in /proc/meminfo`)
    return Number(value) * 1024
  }
  return bytes('MemTotal') - bytes('MemAvailable')
}
