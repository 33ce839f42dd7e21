// For tests: disks and file systems in files, made by the tools that make real ones.
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import type { Probe } from '../init/fstab/superblock.ts'

const MIB = 1024 ** 2
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** An empty file of that size at `file`, then the words with the file's name after them. */
export function makeWith(file: string, sizeMb: number, words: readonly string[], input = ''): void {
  writeFileSync(file, '')
  truncateSync(file, sizeMb * MIB)
  const [program, ...args] = [...words, file]
  execFileSync(program, args, { env: { PATH: path }, input, stdio: ['pipe', 'ignore', 'pipe'] })
}

/** Gives `read` and the size of a file. */
export function withFile<T>(file: string, act: (read: Probe, sizeBytes: number) => T): T {
  const fd = openSync(file, 'r')
  try {
    return act((offset, length) => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset))
    }, statSync(file).size)
  } finally {
    closeSync(fd)
  }
}
