// Watches the framing of a tar on its way to tar-stream: bounds the headers that tar-stream would hold in
// memory, refuses what it would misread (sparse files, data where none belongs, a missing end), and keeps
// each member's PAX records as bytes. It never changes a byte.
import { isUtf8 } from 'node:buffer'
import { showName } from './member-path.ts'
import { parsePax } from './pax-records.ts'
import { readHeader, TAR_BLOCK_BYTES, type TarHeader, untilNul } from './tar-header.ts'
import { corrupt, refused, tooBig } from './unpack-error.ts'

/** What tar-stream does not tell of a member. */
export interface MemberFrame {
  /** Where the member's data begins in the tar; tar-stream's `byteOffset`. */
  dataOffset: number
  size: number
  /** The header's own, without the PAX records; null for what is no number. */
  mtime: number | null
  pax: ReadonlyMap<string, Buffer>
}

/** Types with data behind the header; the rest of MEMBER_TYPES must have size 0. */
const DATA_TYPES = '07'
const MEMBER_TYPES = '01234567'
/** PAX of one member, PAX of all, GNU's long link name and long name. */
const EXTENSION_TYPES = 'xgKL'

const NO_RECORDS: ReadonlyMap<string, Buffer> = new Map()

/** Headers that describe the next member, as they have come so far. */
interface Pending {
  pax: ReadonlyMap<string, Buffer> | null
  longName: Buffer | null
  longLink: Buffer | null
}

export class TarFrames {
  readonly #headerBytesMax: number
  /** Members whose header has passed, oldest first. */
  readonly #members: MemberFrame[] = []
  #pending: Pending = { pax: null, longName: null, longLink: null }
  #offset = 0
  /** The block or extension that is being gathered. */
  #gathered: Buffer[] = []
  #missing = TAR_BLOCK_BYTES
  #extension: string | null = null
  /** Data and padding that pass unseen. */
  #skip = 0
  #padding = 0
  #zeroBlocks = 0

  constructor(headerBytesMax: number) {
    this.#headerBytesMax = headerBytesMax
  }

  /** Takes note of a chunk that is about to be parsed. Throws UnpackError. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#zeroBlocks === 2) {
        this.#checkAfterEnd(chunk.subarray(at))
        return
      }
      const step = Math.min(this.#skip > 0 ? this.#skip : this.#missing, chunk.length - at)
      if (this.#skip > 0) this.#skip -= step
      else this.#gather(chunk.subarray(at, at + step))
      at += step
      this.#offset += step
      if (this.#skip === 0 && this.#missing === 0) this.#complete()
    }
  }

  /** The tar has ended. Throws UnpackError 'image-corrupt' when it lacks its end. */
  end(): void {
    if (this.#zeroBlocks === 2) return
    throw corrupt('the image is truncated: the tar lacks its end mark (two blocks of zeros)')
  }

  /** The frame of the next member, in order. */
  shift(): MemberFrame | undefined {
    return this.#members.shift()
  }

  #gather(bytes: Buffer): void {
    this.#gathered.push(bytes)
    this.#missing -= bytes.length
  }

  #complete(): void {
    const bytes = Buffer.concat(this.#gathered)
    const extension = this.#extension
    this.#gathered = []
    this.#missing = TAR_BLOCK_BYTES
    this.#extension = null
    if (extension === null) {
      this.#header(bytes)
    } else {
      this.#takeExtension(extension, bytes)
      this.#skip = this.#padding
    }
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks++
      if (this.#zeroBlocks === 2) this.#checkNothingPending()
      return
    }
    if (this.#zeroBlocks > 0)
      throw corrupt('the tar is corrupt: a block of zeros among its members')
    const header = readHeader(block)
    if (EXTENSION_TYPES.includes(header.type)) this.#beginExtension(header)
    else this.#member(header)
  }

  #beginExtension(header: TarHeader): void {
    if (header.size > this.#headerBytesMax) {
      throw tooBig(
        `a PAX or long-name header of ${header.size} bytes; at most ${this.#headerBytesMax} are allowed`,
      )
    }
    if (header.size === 0) throw corrupt('the tar is corrupt: an empty PAX or long-name header')
    this.#extension = header.type
    this.#missing = header.size
    this.#padding = paddingOf(header.size)
  }

  #takeExtension(type: string, bytes: Buffer): void {
    const pending = this.#pending
    if (type === 'g') checkGlobal(parsePax(bytes))
    else if (type === 'x') pending.pax = once(pending.pax, parsePax(bytes))
    else if (type === 'L') pending.longName = once(pending.longName, untilNul(bytes))
    else pending.longLink = once(pending.longLink, untilNul(bytes))
  }

  #member(header: TarHeader): void {
    const { pax, longName, longLink } = this.#pending
    const records = pax ?? NO_RECORDS
    this.#pending = { pax: null, longName: null, longLink: null }
    const name = records.get('path') ?? longName ?? header.name
    if (!isUtf8(name)) throw refused(`the name ${show(name)} is not UTF-8; rename it`)
    checkKind(header, records, name)
    const link = records.get('linkpath') ?? longLink ?? header.linkName
    if (!isUtf8(link)) throw refused(`${show(name)} links to ${show(link)}, which is not UTF-8`)
    if (name.includes(0) || link.includes(0)) throw refused(`the name ${show(name)} has a NUL`)
    const size = sizeOf(header, records, name)
    if (size > 0 && !DATA_TYPES.includes(header.type)) {
      throw refused(`${show(name)} has data, but is not a file`)
    }
    this.#members.push({ dataOffset: this.#offset, size, mtime: header.mtime, pax: records })
    this.#skip = size + paddingOf(size)
  }

  #checkNothingPending(): void {
    const { pax, longName, longLink } = this.#pending
    if (pax === null && longName === null && longLink === null) return
    throw corrupt('the tar is corrupt: it ends with a header that describes no member')
  }

  #checkAfterEnd(rest: Buffer): void {
    if (rest.some((byte) => byte !== 0))
      throw corrupt('the image has bytes after the end of its tar')
  }
}

function checkKind(header: TarHeader, records: ReadonlyMap<string, Buffer>, name: Buffer): void {
  if (header.type === 'S' || [...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw refused(`${show(name)} is a sparse member; pack the image without tar's --sparse (-S)`)
  }
  if (!MEMBER_TYPES.includes(header.type)) {
    const type = showName(header.type)
    throw refused(`${show(name)} is a member of type ${type}, which images cannot have`)
  }
  if ([...records.keys()].some((key) => key.startsWith('SCHILY.acl.'))) {
    throw refused(`${show(name)} has an access control list; pack the image without tar's --acls`)
  }
}

/** tar-stream merges global records into some members only, so that only harmless ones may pass. */
function checkGlobal(records: ReadonlyMap<string, Buffer>): void {
  for (const key of records.keys()) {
    if (key !== 'comment')
      throw refused(`a global PAX header sets ${showName(key)} for all members`)
  }
}

function sizeOf(header: TarHeader, records: ReadonlyMap<string, Buffer>, name: Buffer): number {
  const record = records.get('size')?.toString('latin1')
  if (record === undefined) return header.size
  if (!/^\d{1,14}$/.test(record))
    throw corrupt(`the tar is corrupt: ${show(name)} has no proper size`)
  return Number(record)
}

function once<T>(before: T | null, now: T): T {
  if (before === null) return now
  throw corrupt('the tar is corrupt: two headers of one kind before a member')
}

function paddingOf(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES
}

function show(name: Buffer): string {
  return showName(name.toString('utf8'))
}
