// Where libraries are: the directories that ld.so searches (ld.so(8)), on this machine and in an image.
import { globSync, readFileSync } from 'node:fs'
import type { Manifest } from '../protocol/image.ts'

const TRIPLES: Readonly<Record<Manifest['architecture'], string>> = {
  amd64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
}
const INCLUDES_MAX = 16

/** The directories built into the ld.so of Debian, Fedora, Arch and Alpine. */
export function standardDirectories(architecture: Manifest['architecture']): string[] {
  const triple = TRIPLES[architecture]
  return [`/lib/${triple}`, `/usr/lib/${triple}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib']
}

/** Where this machine's ld.so looks: /etc/ld.so.conf first, as ldconfig has it, then what is built in. */
export function hostDirectories(architecture: Manifest['architecture']): string[] {
  return [
    ...new Set([...confDirectories('/etc/ld.so.conf', 0), ...standardDirectories(architecture)]),
  ]
}

/** The directories of an ld.so.conf and its includes; none when there is no such file. */
export function confDirectories(file: string, depth: number): string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    const [word = '', ...rest] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (word.startsWith('/')) return [word.replace(/(?<=.)\/+$/, '')]
    if (word !== 'include' || depth >= INCLUDES_MAX) return []
    const included = rest.flatMap((pattern) => globSync(pattern, { cwd: '/etc' }).toSorted())
    return included.flatMap((path) =>
      confDirectories(path.startsWith('/') ? path : `/etc/${path}`, depth + 1),
    )
  })
}
