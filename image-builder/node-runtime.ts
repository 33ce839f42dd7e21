// Adds a Node.js to an image that names one and has none: the very Node that `cloud` runs on, with its C
// library, and the shim that lets it run on Linux 3.10.
import type { Manifest } from '../protocol/image.ts'
import { BuildError } from './build-error.ts'
import { type Entry, textEntry } from './entry.ts'
import type { ImageRoot } from './image-root.ts'
import { standardDirectories } from './library-path.ts'
import type { Payload } from './payload.ts'

const INTERPRETERS: Readonly<Record<Manifest['architecture'], string>> = {
  amd64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
}
const COMPAT = '/lib/solocloud-compat.so'
const PRELOAD = '/etc/ld.so.preload'

/** The entries that a Node at `nodePath` needs and the directory lacks. Throws BuildError. */
export function nodeRuntime(
  nodePath: string,
  root: ImageRoot,
  architecture: Manifest['architecture'],
  payload: Payload,
): Entry[] {
  if (architecture !== ownArchitecture()) {
    throw new BuildError(
      'program-incomplete',
      `${nodePath} is missing, and this cloud command has no Node.js for ${architecture}; put one there`,
    )
  }
  const directories = standardDirectories(architecture)
  const [libraryDirectory = '/lib'] = directories
  const part = (name: string, path: string): Entry => partEntry(payload, name, root.placeFor(path))
  const entries = [part('node', nodePath)]
  const interpreter = INTERPRETERS[architecture]
  if (!root.find(interpreter)) entries.push(part('ld.so', interpreter))
  for (const name of payload.parts().filter((known) => /^lib.*\.so(?:\.\d+)*$/.test(known))) {
    const present = directories.some((directory) => root.find(`${directory}/${name}`))
    if (!present) entries.push(part(name, `${libraryDirectory}/${name}`))
  }
  if (!root.find(PRELOAD)) {
    entries.push(part('compat.so', COMPAT))
    entries.push(textEntry(root.placeFor(PRELOAD).slice(1), `${COMPAT}\n`))
  }
  return entries
}

function ownArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

function partEntry(payload: Payload, name: string, place: string): Entry {
  const found = payload.read(name)
  const content = (): AsyncIterable<Buffer> => found.stream() as AsyncIterable<Buffer>
  return { type: 'file', path: place.slice(1), mode: 0o755, size: found.size, link: '', content }
}
