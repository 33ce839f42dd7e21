// A directory as an image's entries: sorted, with normal modes, hard links found.
import { createReadStream, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { isUtf8 } from 'node:buffer'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import { comparePaths, directoryEntry, type Entry, noContent, normalMode } from './entry.ts'

/** Everything below `directory`, parents first, without the root itself. Throws BuildError. */
export function scan(directory: string): Entry[] {
  const byInode = new Map<string, string>()
  // Sorted first: a hard link must come after the file that it is a link to.
  return pathsBelow(directory, '')
    .sort(comparePaths)
    .map((path) => entryOf(directory, path, byInode))
}

function pathsBelow(directory: string, parent: string): string[] {
  const children = readdirSync(join(directory, parent), { encoding: 'buffer', withFileTypes: true })
  return children.flatMap((child) => {
    if (!isUtf8(child.name)) {
      const shown = join(directory, parent, child.name.toString())
      throw new BuildError('directory-refused', `the name of ${shown} is not UTF-8; rename it`)
    }
    const path = parent === '' ? child.name.toString() : `${parent}/${child.name.toString()}`
    return child.isDirectory() ? [path, ...pathsBelow(directory, path)] : [path]
  })
}

function entryOf(directory: string, path: string, byInode: Map<string, string>): Entry {
  const hostPath = join(directory, path)
  const stats = lstatSync(hostPath)
  if (stats.isDirectory()) return directoryEntry(path, normalMode(stats.mode, true))
  const other = { path, size: 0, link: '', content: noContent }
  if (stats.isSymbolicLink()) {
    return { ...other, type: 'symlink', mode: 0o777, link: readlinkSync(hostPath) }
  }
  const mode = normalMode(stats.mode, false)
  if (stats.isFIFO()) return { ...other, type: 'fifo', mode }
  if (!stats.isFile()) {
    throw new BuildError(
      'directory-refused',
      `${hostPath} is a device or a socket, which an image cannot have; remove it`,
    )
  }
  const inode = `${stats.dev}:${stats.ino}`
  const twin = byInode.get(inode)
  if (twin !== undefined) return { ...other, type: 'link', mode, link: twin }
  if (stats.nlink > 1) byInode.set(inode, path)
  return fileEntry(path, hostPath, stats, mode)
}

/** A file of this machine as the image's `path`. Its content fails when the file has changed since. */
export function fileEntry(path: string, hostPath: string, stats: Stats, mode: number): Entry {
  const { size } = stats
  async function* content(): AsyncGenerator<Buffer> {
    let bytes = 0
    for await (const chunk of createReadStream(hostPath, { highWaterMark: 256 * 1024 })) {
      bytes += (chunk as Buffer).length
      if (bytes > size) break
      yield chunk as Buffer
    }
    if (bytes !== size) {
      throw new BuildError(
        'directory-refused',
        `${hostPath} changed while it was packed; build again`,
      )
    }
  }
  return { type: 'file', path, mode, size, link: '', content }
}
