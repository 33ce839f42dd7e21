// What the kernel says of the machine's memory (proc_meminfo(5)).
import { readFileSync } from 'node:fs'

/** The value of `name:` in a file of /proc in kB, as bytes; null when there is no such line. */
export function procBytes(text: string, name: string): number | null {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
  return kibibytes === undefined ? null : Number(kibibytes) * 1024
}

/** Bytes that a new process may have; null before Linux 3.14, or where `procDir` does not tell. */
export function availableMemory(procDir: string): number | null {
  try {
    return procBytes(readFileSync(`${procDir}/meminfo`, 'utf8'), 'MemAvailable')
  } catch {
    return null
  }
}
