// Debian packages for their files alone: downloaded and unpacked, never installed, for they would bring services
// or another init to this machine.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from './command.ts'
import { cached } from './cache.ts'

type Report = (line: string) => void

export interface Packages {
  /** The directory into which the package was unpacked. */
  directory(name: string): string
  version(name: string): string
}

/** Package names and what apt would fetch, from `apt-cache policy`. Throws when apt knows none. */
export function candidates(policy: string, names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const block of policy.split(/^(?=\S)/m)) {
    const name = /^(\S+):$/m.exec(block)?.[1]
    const version = /^ {2}Candidate: (\S+)$/m.exec(block)?.[1]
    if (name !== undefined && version !== undefined && version !== '(none)') {
      found.set(name, version)
    }
  }
  const missing = names.filter((name) => !found.has(name))
  if (missing.length === 0) return found
  throw new Error(`apt knows no ${missing.join(', ')}: run 'apt-get update' and try again`)
}

/** The packages, from `cacheDir` (absolute) or from Debian, each in a directory of its own. */
export async function fetchPackages(
  cacheDir: string,
  kind: string,
  names: readonly string[],
  report: Report,
): Promise<Packages> {
  const versions = candidates(await command('apt-cache', ['policy', ...names]), names)
  const wanted = names.map((name) => `${name}=${versions.get(name) ?? ''}`)
  const digest = createHash('sha256').update(wanted.join('\n')).digest('hex').slice(0, 12)
  const place = await cached(cacheDir, kind, digest, async (partial) => {
    report(`fetching ${names.join(', ')} (once)`)
    await mkdir(partial)
    await download(partial, wanted)
  })
  return {
    directory: (name) => join(place, name),
    version: (name) => versions.get(name) ?? '',
  }
}

async function download(dir: string, wanted: readonly string[]): Promise<void> {
  const debs = await mkdtemp(join(dir, 'debs-'))
  // As root, apt drops to the user _apt, who may not write here: without this it warns.
  const sandbox = ['-o', 'APT::Sandbox::User=root']
  await command('apt-get', [...sandbox, 'download', ...wanted], { cwd: debs })
  for (const file of await readdir(debs)) {
    const name = file.slice(0, file.indexOf('_'))
    await command('dpkg-deb', ['-x', join(debs, file), join(dir, name)])
  }
  await rm(debs, { recursive: true })
}
