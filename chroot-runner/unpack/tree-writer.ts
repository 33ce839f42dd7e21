// Writes members below a root that was empty before. No symbolic link is ever followed: a member's parents
// are directories made here, and every name is made anew (O_EXCL and the like), so that the file system
// itself tells of a path that comes twice, whatever the number of members.
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import type { Native } from '../../sys/native.ts'
import { check } from '../../sys/sys-error.ts'
import { Directories, type DirectoryLook } from './directories.ts'
import { FreeSpace, freeOn } from './free-space.ts'
import type { Limits } from './limits.ts'
import { parentOf, showName } from './member-path.ts'
import type { Member } from './tar-members.ts'
import { isCode, refused, UnpackError } from './unpack-error.ts'

/** The system calls that Node lacks. */
export type UnpackSystem = Pick<Native, 'lsetxattr' | 'mknod' | 'syncfs'>

export interface TreeOptions {
  limits: Limits
  ignoreOwners: boolean
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_DIRECTORY, S_IFIFO } = constants
/** Until a file is complete. */
const MODE_UNTIL_END = 0o600

type Look = Pick<Member, 'mode' | 'uid' | 'gid' | 'xattrs'>

export class TreeWriter {
  /** Device nodes in the image: the runner provides /dev. */
  devicesSkipped = 0
  readonly #root: string
  readonly #system: UnpackSystem
  readonly #ignoreOwners: boolean
  readonly #directories: Directories
  readonly #space: FreeSpace

  /** `root` must be empty; '' is the process's own root. */
  constructor(root: string, system: UnpackSystem, options: TreeOptions) {
    this.#root = root
    this.#system = system
    this.#ignoreOwners = options.ignoreOwners
    this.#directories = new Directories(root, options.limits)
    this.#space = new FreeSpace(() => freeOn(`${root}/`), options.limits)
  }

  /** Writes one member. Throws UnpackError. */
  async add(member: Member): Promise<void> {
    try {
      this.#space.take(member.path, member.size)
      await this.#write(member)
    } catch (error) {
      throw this.#explain(error, member)
    }
  }

  /** Gives the directories their looks and writes everything to the disk. Throws UnpackError. */
  finish(): void {
    for (const [path, look] of this.#directories.deepestFirst()) {
      try {
        this.#finishDirectory(path, look)
      } catch (error) {
        throw this.#explain(error, { path, size: 0 })
      }
    }
    const fd = openSync(`${this.#root}/`, O_RDONLY | O_DIRECTORY)
    try {
      check(this.#system.syncfs(fd), 'syncfs')
    } finally {
      closeSync(fd)
    }
  }

  async #write(member: Member): Promise<void> {
    if (member.type === 'directory') {
      this.#directories.add(member.path, member)
      return
    }
    if (member.path === '') throw refused('the root of the image is not a directory')
    this.#directories.ensureParent(member.path)
    const path = this.#place(member.path)
    switch (member.type) {
      case 'file':
        await this.#writeFile(path, member)
        break
      case 'link':
        this.#writeLink(path, member)
        break
      case 'symlink':
        symlinkSync(member.link, path)
        if (!this.#ignoreOwners) lchownSync(path, member.uid, member.gid)
        this.#setXattrs(path, member)
        setTimes(path, member.mtime)
        break
      case 'fifo':
        check(this.#system.mknod(path, S_IFIFO | MODE_UNTIL_END, 0, 0), 'mknod', path)
        this.#setLook(path, member)
        setTimes(path, member.mtime)
        break
      case 'device':
        this.devicesSkipped++
        break
    }
  }

  async #writeFile(path: string, member: Member): Promise<void> {
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_UNTIL_END)
    try {
      for await (const chunk of member.body) writeAll(fd, chunk)
      // In this order: writing and chown clear the setuid bit and the file's capabilities.
      if (!this.#ignoreOwners) fchownSync(fd, member.uid, member.gid)
      fchmodSync(fd, member.mode)
      this.#setXattrs(path, member)
      futimesSync(fd, timeOf(member.mtime), timeOf(member.mtime))
    } finally {
      closeSync(fd)
    }
  }

  #writeLink(path: string, member: Member): void {
    const target = member.link
    // The target's parents are known directories, and link(2) does not follow its last component.
    if (!this.#directories.has(parentOf(target))) throw unknownTarget(member)
    if (this.#directories.has(target))
      throw refused(`${showName(member.path)} is a hard link to a directory`)
    try {
      linkSync(this.#place(target), path)
    } catch (error) {
      throw isCode(error, 'ENOENT') ? unknownTarget(member) : error
    }
  }

  #finishDirectory(path: string, look: DirectoryLook): void {
    this.#setLook(this.#place(path), look)
    if (look.mtime !== null) setTimes(this.#place(path), look.mtime)
  }

  /** Not for symbolic links: chmod follows them. */
  #setLook(path: string, look: Look): void {
    if (!this.#ignoreOwners) lchownSync(path, look.uid, look.gid)
    chmodSync(path, look.mode)
    this.#setXattrs(path, look)
  }

  #setXattrs(path: string, look: Look): void {
    for (const [name, value] of look.xattrs) {
      const result = this.#system.lsetxattr(path, name, value)
      if (result < 0) this.#explainXattr(path, name, result)
    }
  }

  #explainXattr(path: string, name: string, errno: number): void {
    try {
      check(errno, 'lsetxattr', path)
    } catch (error) {
      // Without privileges over the file system, only the user's own attributes can be kept.
      if (isCode(error, 'EPERM') && this.#ignoreOwners && !name.startsWith('user.')) return
      if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP')) throw error
      const shown = showName(path.slice(this.#root.length + 1))
      throw refused(
        `${shown} has the attribute ${showName(name)}, which this node cannot keep; pack it without`,
      )
    }
  }

  #place(path: string): string {
    return `${this.#root}/${path}`
  }

  #explain(error: unknown, member: Pick<Member, 'path' | 'size'>): unknown {
    if (error instanceof UnpackError) return error
    if (isCode(error, 'ENOSPC', 'EDQUOT')) return this.#space.full(member.path, member.size)
    if (isCode(error, 'EEXIST')) return refused(`${showName(member.path)} comes twice`)
    if (isCode(error, 'ENAMETOOLONG'))
      return refused(`${showName(member.path)} is too long for the file system`)
    return error
  }
}

function unknownTarget(member: Member): UnpackError {
  return refused(
    `${showName(member.path)} is a hard link to ${showName(member.link)}, which does not come before it in the image`,
  )
}

function writeAll(fd: number, chunk: Buffer): void {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
}

function setTimes(path: string, mtime: number): void {
  lutimesSync(path, timeOf(mtime), timeOf(mtime))
}

/** Node takes a negative number of seconds for "now", but a Date as it is. */
function timeOf(mtime: number): number | Date {
  return mtime < 0 ? new Date(mtime * 1000) : mtime
}
