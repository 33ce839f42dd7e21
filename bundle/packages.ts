// Which packages, by npm's and Debian's word, the file is made of: names, versions and licences.
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { command, ROOT } from './step.ts'

export interface PackageInfo {
  name: string
  version: string
  licence: string
}

/** Debian's copyright files are prose; these are their licences as SPDX expressions. */
const DEBIAN_LICENCES: Record<string, string> = {
  libc6: 'LGPL-2.1-or-later',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
}

/** An npm package by its directory. Throws when its package.json has no licence. */
export async function npmPackage(directory: string): Promise<PackageInfo> {
  const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >
  const { name, version, license } = manifest
  if (typeof name !== 'string' || typeof version !== 'string' || typeof license !== 'string')
    throw new Error(`${directory}/package.json names no version or licence`)
  return { name, version, licence: license }
}

/** The npm packages that these bundled files belong to, by name. */
export async function bundledPackages(files: readonly string[]): Promise<PackageInfo[]> {
  const directories = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0])
  const unique = new Set(directories.filter((directory) => directory !== undefined))
  const found = await Promise.all([...unique].map((path) => npmPackage(join(ROOT, path))))
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The Debian package that installed a file. Throws when none did, or its licence is not known here. */
export async function debianPackage(path: string): Promise<PackageInfo> {
  // dpkg knows the file by the path before /lib became a link to /usr/lib.
  const owner = await command('dpkg-query', ['-S', path]).catch(() =>
    command('dpkg-query', ['-S', path.replace(/^\/usr/, '')]),
  )
  const name = owner.split(':')[0] ?? ''
  const version = (await command('dpkg-query', ['-W', '-f', '${Version}\n', name])).split('\n')[0]
  const licence = DEBIAN_LICENCES[name]
  if (!version || !licence)
    throw new Error(`the licence of ${basename(path)} (${name}) is not known`)
  return { name, version, licence }
}
