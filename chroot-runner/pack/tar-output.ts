// Writes an archive to a descriptor, member by member, and counts.
import { writeSync } from 'node:fs'
import { END_OF_TAR, headerOf, paddingAfter, type PackedMember } from './tar-header.ts'

export class TarOutput {
  members = 0
  readonly #fd: number

  /** Writes wait until there is room: whoever reads sets the pace. */
  constructor(fd: number) {
    this.#fd = fd
  }

  /** A member without data of its own; `data` of one with `member.size` bytes comes next. */
  add(member: PackedMember): void {
    this.members++
    this.write(headerOf(member))
  }

  /** After the last of the data. */
  pad(size: number): void {
    this.write(paddingAfter(size))
  }

  /** A file of our own. */
  addText(path: string, text: string, mtimeNs: bigint): void {
    const data = Buffer.from(text)
    const about = { mode: 0o600, uid: 0, gid: 0, mtimeNs, link: '', xattrs: new Map() }
    this.add({ type: 'file', path, size: data.length, ...about })
    this.write(data)
    this.pad(data.length)
  }

  end(): void {
    this.write(END_OF_TAR)
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at)
  }
}
