// What a process holds, as one text: two of them differ where something was left behind.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const SAMPLES = 10
const SAMPLE_MS = 20

/** What the descriptors lead to, sorted; those of one kind without a name are alike. */
export function descriptors(pid: number): string[] {
  const target = (fd: string): string[] => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[\d+\]/, '')]
    } catch {
      return [] // Closed at this moment.
    }
  }
  return readdirSync(`/proc/${pid}/fd`).flatMap(target).sort()
}

/** The same, without the connections of a moment. */
export async function fewestDescriptors(pid: number): Promise<string[]> {
  let fewest = descriptors(pid)
  for (let sample = 1; sample < SAMPLES; sample++) {
    await sleep(SAMPLE_MS)
    const now = descriptors(pid)
    if (now.length < fewest.length) fewest = now
  }
  return fewest
}

/** What `after` has and `before` has not, or has less often. */
export function added(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before]
  return after.filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

/** Where its file systems are mounted, in order. */
export function mountPoints(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '')
}

/** The value of a line of /proc/PID/status. */
export function statusOf(pid: number, key: string): string {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(text)?.[1] ?? ''
}
