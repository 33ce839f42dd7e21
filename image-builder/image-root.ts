// Paths as the app will see them: the directory is `/`, and symbolic links, absolute ones too, stay inside.
import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { posix } from 'node:path'
import { BuildError } from './build-error.ts'

/** As many as the kernel follows (path_resolution(7)). */
const LINKS_MAX = 40

export interface Found {
  /** The path without any symbolic link, absolute as the app sees it. */
  path: string
  stats: Stats
}

export class ImageRoot {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** Where this machine has the app's `path`. */
  hostPath(path: string): string {
    return posix.join(this.directory, path)
  }

  /** What `path` leads to; null when there is nothing. */
  find(path: string): Found | null {
    const real = this.#walk(path, 0)
    const stats = lstatOrNull(this.hostPath(real))
    return stats === null ? null : { path: real, stats }
  }

  /** Where a new file must go so that it is seen as `path`: its parents without symbolic links. */
  placeFor(path: string): string {
    return this.#walk(path, 0)
  }

  /** Follows every symbolic link of `path`; what does not exist stays as it is. */
  #walk(path: string, linksFollowed: number): string {
    let at = '/'
    const parts = posix.normalize(`/${path}`).split('/').filter(Boolean)
    for (const [index, part] of parts.entries()) {
      const next = posix.join(at, part)
      if (lstatOrNull(this.hostPath(next))?.isSymbolicLink()) {
        if (linksFollowed >= LINKS_MAX) {
          throw new BuildError('directory-refused', `${path} leads through too many symbolic links`)
        }
        const target = posix.resolve(at, readlinkSync(this.hostPath(next)))
        return this.#walk(posix.join(target, ...parts.slice(index + 1)), linksFollowed + 1)
      }
      at = next
    }
    return at
  }
}

function lstatOrNull(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}
