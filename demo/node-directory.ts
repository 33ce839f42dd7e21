// A node's disk as a directory here: nothing but /sbin/init and empty directories.
import { copyFile, link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../qemu/command.ts'
import { asOwnRoot } from './own-root.ts'

const DIRECTORIES = ['dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'var', 'chroots', 'sbin'] as const

/**
 * Makes `dir` with `upper` (the node's files, to look at), and what an overlay needs beside it.
 * Nobody else may enter it: images may hold set-user-id programs.
 */
export async function makeNodeDirectory(dir: string, init: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const name of ['upper', 'lower', 'work', 'root']) await mkdir(join(dir, name))
  for (const name of DIRECTORIES) await mkdir(join(dir, 'upper', name))
  const target = join(dir, 'upper/sbin/init')
  await link(init, target).catch(() => copyFile(init, target))
}

/** Removes it, with files that belong to the app's users too. */
export async function removeNodeDirectory(dir: string): Promise<void> {
  if (process.getuid?.() === 0) await rm(dir, { recursive: true, force: true })
  else await command('unshare', [...(await asOwnRoot()), 'rm', '-rf', dir])
}
