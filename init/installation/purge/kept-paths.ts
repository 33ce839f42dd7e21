// Which paths a purge leaves: each as it is really called, and every link on the way to it.
import { readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** keep: it, and all below it. inside: something below it is kept. */
export type Verdict = 'keep' | 'inside' | 'remove'

/** As the kernel's own limit (ELOOP). */
const LINKS_MAX = 40
const NO_LINK = new Set(['EINVAL', 'ENOENT', 'ENOTDIR'])

export class KeptPaths {
  readonly #root: string
  readonly #kept = new Set<string>()
  readonly #inside = new Set<string>(['/'])

  /** `paths` are absolute, as seen from `root`; one that does not exist does no harm. */
  constructor(root: string, paths: readonly string[]) {
    this.#root = root
    for (const path of paths) this.#keep(path)
  }

  /** `path` is absolute, and no part of it but the last is a link. */
  of(path: string): Verdict {
    if (this.#kept.has(path)) return 'keep'
    return this.#inside.has(path) ? 'inside' : 'remove'
  }

  /** Follows links as the kernel does, from `root` on, and keeps each of them. */
  #keep(path: string): void {
    let at = '/'
    let rest = namesOf(path)
    let links = 0
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        at = dirname(at)
        continue
      }
      const next = join(at, name)
      const target = this.#linkTarget(next)
      if (target === null) at = next
      else {
        this.#add(next)
        if (++links > LINKS_MAX) return
        if (target.startsWith('/')) at = '/'
        rest = [...namesOf(target), ...rest]
      }
    }
    this.#add(at)
  }

  #add(path: string): void {
    if (path === '/') throw new Error('all of / would be kept')
    this.#kept.add(path)
    for (let up = dirname(path); up !== '/'; up = dirname(up)) this.#inside.add(up)
  }

  /** null when it is no link, or is not there. */
  #linkTarget(path: string): string | null {
    try {
      return readlinkSync(join(this.#root, path))
    } catch (error) {
      // Of a disk that can't be read, nothing may be removed either.
      if (!NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      return null
    }
  }
}

const namesOf = (path: string): string[] =>
  path.split('/').filter((name) => name !== '' && name !== '.')
