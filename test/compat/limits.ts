// The programs of this directory, compiled, and the scripts that start a node below them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../../qemu/command.ts'

/** For what comes within a moment, on a busy machine too. */
export const SOON = { timeout: 20_000 }

/** /proc and /sys as a container finds them, in the directory that is to be the node's root. */
export const KERNEL_FILES = [
  'mount -n -c -t proc -o nosuid,nodev,noexec proc proc',
  'mount -n -c -t sysfs -o nosuid,nodev,noexec sysfs sys',
]
/** No cgroup2 to be had: it came with Linux 4.5, and a container may not mount it. */
export const NO_CGROUPS = ['mount -n -c -t tmpfs -o ro,size=4k none sys/fs/cgroup']
/** The standard devices, on the file system of the root. */
export const DEVICES = [
  ...['null 1 3', 'zero 1 5', 'full 1 7', 'random 1 8', 'urandom 1 9', 'tty 5 0'].map((device) => {
    const [name = '', major = '', minor = ''] = device.split(' ')
    return `[ -e dev/${name} ] || mknod -m 666 dev/${name} c ${major} ${minor}`
  }),
]

export class Limits {
  readonly directory = mkdtempSync(join(tmpdir(), 'compat-'))

  /** Compiles `NAME.c` of `sources`; the path of the program. */
  async compile(name: string, sources = import.meta.dirname): Promise<string> {
    const program = join(this.directory, name)
    const flags = ['-static', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O2']
    await command('gcc', [...flags, '-o', program, join(sources, `${name}.c`)])
    return program
  }

  /**
   * Writes a script for `NamespaceNodeOptions.under`: it runs `prepare`, a shell command each, in what is to
   * be the root, and then `words`, with init's command line at their end.
   */
  script(name: string, prepare: readonly string[], words: readonly string[]): string {
    const path = join(this.directory, name)
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const lines = ['#!/bin/sh', 'set -eu', ...prepare, `exec ${quoted} "$@"`, '']
    writeFileSync(path, lines.join('\n'), { mode: 0o700 })
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}
