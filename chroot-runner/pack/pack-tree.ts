// Packs a directory tree that an app may change meanwhile, and may have made to deceive: each step goes into a
// directory that has been looked at, and never through a link.
import { isUtf8 } from 'node:buffer'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
  type BigIntStats,
} from 'node:fs'
import process from 'node:process'
import type { Native } from '../../sys/native.ts'
import type { TarOutput } from './tar-output.ts'
import type { PackedMember } from './tar-header.ts'
import { readXattrs } from './xattrs.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants
const COPY_BYTES = 256 * 1024
/** Names of one file that are remembered; beyond them each is a file of its own. */
const LINKS_MAX = 100_000
/** As the unpacker's limits: what is longer could not be restored. */
const PATH_BYTES_MAX = 4000
const MOVED = 'its directories are moved or replaced while they are read'
const PERMISSIONS = 0o7777n
const BIGINT = { bigint: true } as const

export interface PackTree {
  native: Pick<Native, 'flistxattr' | 'fgetxattr'>
  output: TarOutput
  /** It is not in the archive. */
  leaveOut: (path: string, why: string) => void
}

/** The tree is another one than when it was begun, or its directories move about. */
export class TreeMoved extends Error {}

/** `directory` becomes the member `path`. Throws TreeMoved, and Node's fs errors of the tree's own directory. */
export function packTree(options: PackTree, directory: string, path: string): void {
  new Packing(options, directory, path).run()
}

class Packing {
  readonly #options: PackTree
  readonly #place: string
  readonly #path: string
  readonly #top: BigIntStats
  readonly #links = new Map<string, string>()
  readonly #buffer = Buffer.allocUnsafeSlow(COPY_BYTES)

  constructor(options: PackTree, place: string, path: string) {
    this.#options = options
    this.#place = place
    this.#path = path
    this.#top = lstatSync(place, BIGINT)
  }

  run(): void {
    process.chdir(this.#place)
    expectSame(this.#top, statSync('.', BIGINT))
    this.#directory(this.#top, this.#path)
    expectSame(this.#top, lstatSync(this.#place, BIGINT))
  }

  /** The one that we are in. */
  #directory(here: BigIntStats, path: string): void {
    const fd = openSync('.', O_RDONLY | O_DIRECTORY)
    try {
      this.#add('directory', here, path, { fd })
    } finally {
      closeSync(fd)
    }
    const entries = opendirSync('.', { encoding: 'buffer' as BufferEncoding })
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync())
        this.#entry(here, path, entry.name as unknown as Buffer)
    } finally {
      entries.closeSync()
    }
  }

  /** In the directory `here`, which is the member `parent`; and still there when it returns. */
  #entry(here: BigIntStats, parent: string, name: Buffer): void {
    const path = `${parent}/${name.toString()}`
    try {
      if (!isUtf8(name)) this.#options.leaveOut(path, 'its name is not UTF-8')
      else if (Buffer.byteLength(path) > PATH_BYTES_MAX)
        this.#options.leaveOut(path.slice(0, 100), 'its path is too long')
      else if (this.#named(name.toString(), path) === 'went in') this.#return(here, parent)
    } catch (error) {
      // It went away, or its disk is damaged there: neither keeps the rest from being saved.
      if (error instanceof TreeMoved || !('code' in (error as object))) throw error
      if ((error as NodeJS.ErrnoException).syscall === 'write') throw error
      this.#options.leaveOut(path, (error as NodeJS.ErrnoException).code ?? '')
      this.#return(here, parent)
    }
  }

  #named(name: string, path: string): 'went in' | undefined {
    const found = lstatSync(name, BIGINT)
    if (found.isDirectory()) return this.#below(found, name, path)
    if (found.dev !== this.#top.dev) this.#options.leaveOut(path, 'something is mounted there')
    else if (found.isFile()) this.#file(name, path)
    else if (found.isSymbolicLink()) this.#add('symlink', found, path, { link: readlinkSync(name) })
    else if (found.isFIFO()) this.#add('fifo', found, path)
    return undefined
  }

  /** What is mounted there is not the app's: only its directory is. */
  #below(found: BigIntStats, name: string, path: string): 'went in' | undefined {
    if (found.dev !== this.#top.dev) {
      this.#add('directory', found, path)
      return undefined
    }
    process.chdir(name)
    expectSame(found, statSync('.', BIGINT))
    this.#directory(found, path)
    return 'went in'
  }

  /** A directory that is deleted has no `..`; then the way leads down from the top again. */
  #return(here: BigIntStats, path: string): void {
    const isHere = (): boolean => isSame(here, statSync('.', BIGINT))
    try {
      if (isHere()) return
      process.chdir('..')
      if (isHere()) return
    } catch {
      // What counts is where the other way ends.
    }
    process.chdir(this.#place)
    const names = path.slice(this.#path.length).split('/').slice(1)
    try {
      for (const name of names) process.chdir(name)
    } catch {
      throw new TreeMoved(MOVED)
    }
    expectSame(here, statSync('.', BIGINT))
  }

  #file(name: string, path: string): void {
    const fd = openSync(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const found = fstatSync(fd, BIGINT)
      if (!found.isFile()) throw Object.assign(new Error(path), { code: 'ENOENT' })
      const key = `${found.ino}`
      const earlier = found.nlink > 1n ? this.#links.get(key) : undefined
      if (earlier !== undefined) {
        this.#add('link', found, path, { link: earlier })
        return
      }
      if (found.nlink > 1n && this.#links.size < LINKS_MAX) this.#links.set(key, path)
      this.#add('file', found, path, { fd })
      this.#content(fd, Number(found.size), path)
    } finally {
      closeSync(fd)
    }
  }

  /** Of a file that shrinks, the rest is zeros: its header has been written. */
  #content(fd: number, size: number, path: string): void {
    const { output, leaveOut } = this.#options
    let left = size
    while (left > 0) {
      const wanted = Math.min(left, COPY_BYTES)
      const count = readOrError(fd, this.#buffer, wanted)
      if (typeof count === 'string' || count === 0) {
        leaveOut(path, `its last ${left} bytes (${count === 0 ? 'it became shorter' : count})`)
        this.#zeros(left)
        break
      }
      output.write(this.#buffer.subarray(0, count))
      left -= count
    }
    output.pad(size)
  }

  #zeros(bytes: number): void {
    this.#buffer.fill(0)
    for (let left = bytes; left > 0; left -= COPY_BYTES)
      this.#options.output.write(this.#buffer.subarray(0, Math.min(left, COPY_BYTES)))
  }

  #add(
    type: PackedMember['type'],
    { mode, uid, gid, size, mtimeNs }: BigIntStats,
    path: string,
    { link = '', fd = -1 }: { link?: string; fd?: number } = {},
  ): void {
    this.#options.output.add({
      ...{ type, path, link, mtimeNs },
      mode: Number(mode & PERMISSIONS),
      uid: Number(uid),
      gid: Number(gid),
      size: type === 'file' ? Number(size) : 0,
      xattrs: fd < 0 ? new Map<string, Buffer>() : readXattrs(this.#options.native, fd),
    })
  }
}

function readOrError(fd: number, buffer: Buffer, bytes: number): number | string {
  try {
    return readSync(fd, buffer, 0, bytes, null)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'it can not be read'
  }
}

/** Between looking and going there, its owner can put another one in its place. */
function expectSame(looked: BigIntStats, there: BigIntStats): void {
  if (!isSame(looked, there)) throw new TreeMoved(MOVED)
}

const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.dev === other.dev && one.ino === other.ino
