// A peer's root as a directory: what its packages do not bring.
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { command } from '../../qemu/command.ts'
import type { PeerFile } from './peers.ts'

const DIRECTORIES = [
  ...['bin', 'dev', 'etc', 'proc', 'run', 'services', 'sys', 'tmp'],
  ...['var/log/supervisor', 'var/run'],
] as const

const PROGRAMS = ['service', 'collect', 'storm', 'counter', 'saboteur'] as const
export type Program = (typeof PROGRAMS)[number]
/** Paths of the benchmark's own programs. */
export type Programs = Readonly<Record<Program, string>>

/** Compiles them into `dir`: static, so that they run in every root. */
export async function compilePrograms(dir: string): Promise<Programs> {
  await mkdir(dir, { recursive: true })
  const paths = PROGRAMS.map((name) => [name, join(dir, name)] as const)
  const flags = ['-static', '-O2', '-s', '-Wall', '-Wextra', '-Werror']
  for (const [name, path] of paths) {
    await command('gcc', [...flags, '-o', path, join(import.meta.dirname, 'programs', `${name}.c`)])
  }
  return Object.fromEntries(paths) as Record<Program, string>
}

/** Writes a peer's own `files` and the programs below `root`. */
export async function writePeerRoot(
  root: string,
  programs: Programs,
  files: readonly PeerFile[],
): Promise<void> {
  for (const name of DIRECTORIES) await mkdir(join(root, name), { recursive: true })
  for (const path of [programs.service, programs.collect, programs.storm]) {
    await copyFile(path, join(root, 'bin', basename(path)))
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n')
  for (const { path, text, mode = 0o644 } of files) {
    const target = join(root, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
    await chmod(target, mode)
  }
}
