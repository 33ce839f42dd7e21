// The C library and its companions: taken from the build machine's Debian packages.
import { readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command, runStep, WORK } from './step.ts'

/** What Node needs (`readelf -d`), by soname. */
const SONAMES = [
  ...['libc.so.6', 'libm.so.6', 'libgcc_s.so.1', 'libstdc++.so.6', 'libdl.so.2', 'libpthread.so.0'],
]

/** Where ld.so of our own process must not look: a path in /proc exists for nobody. Lengths are kept. */
const HOST_PATHS: readonly [string, string][] = [
  ['/etc/ld.so.preload', '/proc/-/ld.preload'],
  ['/etc/ld.so.cache', '/proc/-/ld.cache'],
  [
    '/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/',
    '/proc/-/ld-linux-gnu//\0/proc/-/usr/ld-linux-gnu//\0/-/-/\0/proc/-//',
  ],
]

export interface Library {
  name: string
  path: string
}

/** ld.so for our own process, made from the original. */
export const INTERPRETER = join(WORK, 'interpreter')

/**
 * Replaces every path of the host in ld.so's bytes, so that no library of the host is ever loaded: not
 * /etc/ld.so.preload's, nor the modules that its /etc/nsswitch.conf names. Throws when one is not there.
 */
export function withoutHostPaths(ldSo: Buffer): Buffer {
  const result = Buffer.from(ldSo)
  for (const [path, replacement] of HOST_PATHS) {
    const wanted = Buffer.from(`\0${path}\0`)
    let at = result.indexOf(wanted)
    if (path.length !== replacement.length)
      throw new Error(`BUG: ${replacement} has another length`)
    if (at < 0) throw new Error(`ld.so does not hold ${JSON.stringify(path)}: another C library?`)
    for (; at >= 0; at = result.indexOf(wanted, at)) result.write(replacement, at + 1, 'latin1')
  }
  return result
}

/** The original ld.so and libraries, by soname (`ld.so` for the first). Throws when one is not installed. */
export async function findLibraries(): Promise<Library[]> {
  const find = async (name: string, soname: string): Promise<Library> => {
    const found = (await command('gcc', [`-print-file-name=${soname}`])).trim()
    if (!found.startsWith('/')) throw new Error(`${soname} is not on this machine`)
    return { name, path: await realpath(found) }
  }
  return Promise.all([
    find('ld.so', 'ld-linux-x86-64.so.2'),
    ...SONAMES.map((soname) => find(soname, soname)),
  ])
}

export async function buildInterpreter(ldSo: string): Promise<void> {
  await runStep({
    name: 'ld.so',
    inputs: [ldSo],
    recipe: HOST_PATHS.flat(),
    outputs: [INTERPRETER],
    run: async () => {
      await writeFile(INTERPRETER, withoutHostPaths(await readFile(ldSo)))
    },
  })
}
