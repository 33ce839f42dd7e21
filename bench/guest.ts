// One power-on of a virtual VPS: how long until it answers, and how much memory it then uses.
import { rm } from 'node:fs/promises'
import { command } from '../qemu/command.ts'
import { startVps, type Vps, type VpsOptions } from '../qemu/vps.ts'
import { ask, at, type Pace, type Probe, untilAnswer } from './probe.ts'

export interface Guest {
  vps: Vps
  /** When QEMU was started, on performance.now()'s clock. */
  poweredOnAt: number
}

export type Machine = Pick<VpsOptions, 'kernel' | 'initramfs'>

const PACE: Pace = { everyMsMin: 100, attemptMsMin: 400, timeoutMs: 180_000 }
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
    await using vps = await startVps({ ...machine, disk: scratch, ports, append: ['quiet'] })
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
    await untilAnswer((signal) => ask(probe, signal), PACE, ended.signal)
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
