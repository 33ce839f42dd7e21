// config.User by name needs /etc/passwd and /etc/group in the image: they are added for the names that
// every system has, and missed for others.
import { readFileSync } from 'node:fs'
import type { Manifest } from '../protocol/image.ts'
import { BuildError } from './build-error.ts'
import { type Entry, textEntry } from './entry.ts'
import type { ImageRoot } from './image-root.ts'

const PASSWD = 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n'
const GROUP = 'root:x:0:\nnobody:x:65534:\n'

/** The entries to add for the manifest's User. Throws BuildError for a name that nobody knows. */
export function userEntries(manifest: Manifest, root: ImageRoot): Entry[] {
  const [user = '', group = '0'] = manifest.config.User.split(':')
  return [
    ...entriesFor(user, '/etc/passwd', PASSWD, root),
    ...entriesFor(group, '/etc/group', GROUP, root),
  ]
}

function entriesFor(name: string, file: string, standard: string, root: ImageRoot): Entry[] {
  if (/^\d+$/.test(name)) return []
  const found = root.find(file)
  const text = found === null ? standard : readFileSync(root.hostPath(found.path), 'utf8')
  if (!text.split('\n').some((line) => line.startsWith(`${name}:`))) {
    throw new BuildError(
      'program-incomplete',
      `config.User says "${name}", which ${file} of the directory does not have; add it or use a number`,
    )
  }
  return found === null ? [textEntry(root.placeFor(file).slice(1), standard)] : []
}
