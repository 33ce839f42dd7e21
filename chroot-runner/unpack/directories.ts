// The directories of a tree that is being unpacked. What they shall look like is remembered and applied at
// the end: a directory's mtime changes with every entry, and a read-only one would refuse them.
import { mkdirSync } from 'node:fs'
import type { Limits } from './limits.ts'
import { parentOf, showName } from './member-path.ts'
import { isCode, refused, tooBig } from './unpack-error.ts'

/** null stands for "as it was made". */
export interface DirectoryLook {
  mode: number
  uid: number
  gid: number
  mtime: number | null
  xattrs: ReadonlyMap<string, Buffer>
}

/** Directories that the tar does not name, the root among them, look like this. */
const IMPLIED: DirectoryLook = { mode: 0o755, uid: 0, gid: 0, mtime: null, xattrs: new Map() }
/** Until the end nobody else may look in. */
const MODE_UNTIL_END = 0o700
/** What a remembered directory costs beside its name and attributes, about. */
const OVERHEAD_BYTES = 64

export class Directories {
  readonly #root: string
  readonly #limits: Pick<Limits, 'directoryBytesMax'>
  /** Parents come before what is in them. '' is the root. */
  readonly #looks = new Map<string, DirectoryLook>([['', IMPLIED]])
  #bytes = 0

  constructor(root: string, limits: Pick<Limits, 'directoryBytesMax'>) {
    this.#root = root
    this.#limits = limits
  }

  has(path: string): boolean {
    return this.#looks.has(path)
  }

  /** A directory that the tar names; it may name it again, and the last look holds. */
  add(path: string, look: DirectoryLook): void {
    if (!this.#looks.has(path)) {
      this.ensureParent(path)
      this.#make(path, path)
    }
    this.#set(path, look)
  }

  /** Makes the directories above `path`. Throws UnpackError when something else is in the way. */
  ensureParent(path: string): void {
    const parent = parentOf(path)
    if (this.#looks.has(parent)) return
    this.ensureParent(parent)
    this.#make(parent, path)
    this.#set(parent, IMPLIED)
  }

  /** Every directory with its look, the deepest first. */
  *deepestFirst(): Generator<[string, DirectoryLook]> {
    yield* [...this.#looks].reverse()
  }

  #make(path: string, wantedFor: string): void {
    try {
      mkdirSync(`${this.#root}/${path}`, MODE_UNTIL_END)
    } catch (error) {
      // Every directory of the tree is known here, so that this is a file, a link or a pipe.
      if (!isCode(error, 'EEXIST')) throw error
      throw path === wantedFor
        ? refused(`${showName(path)} comes twice, once not as a directory`)
        : refused(`${showName(wantedFor)} lies beneath ${showName(path)}, which is not a directory`)
    }
  }

  #set(path: string, look: DirectoryLook): void {
    this.#bytes += OVERHEAD_BYTES + Buffer.byteLength(path)
    for (const [name, value] of look.xattrs) this.#bytes += name.length + value.length
    if (this.#bytes > this.#limits.directoryBytesMax) {
      throw tooBig('the image has too many directories, or too long names of them, for this node')
    }
    this.#looks.set(path, look)
  }
}
