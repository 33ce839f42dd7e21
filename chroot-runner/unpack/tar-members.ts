// The members of a tar, one after another, checked and with their metadata in one form.
import { extract, type Extract, type Header } from 'tar-stream'
import type { Limits } from './limits.ts'
import { memberPath, showName } from './member-path.ts'
import { type MemberFrame, TarFrames } from './tar-frames.ts'
import { corrupt, refused, tooBig, UnpackError } from './unpack-error.ts'

export type MemberType = 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'device'

export interface Member {
  type: MemberType
  /** Below the root, without a leading slash; '' is the root itself. */
  path: string
  /** A symbolic link's text, or a hard link's target below the root; '' for others. */
  link: string
  /** Permission bits with setuid, setgid and sticky. */
  mode: number
  uid: number
  gid: number
  /** Bytes of data. */
  size: number
  /** Seconds since 1970, with a fraction where the tar has one. */
  mtime: number
  xattrs: ReadonlyMap<string, Buffer>
  /** The data; what is left of it when the next member is asked for is skipped. */
  body: AsyncIterable<Buffer>
}

const TYPES: Readonly<Record<Header['type'], MemberType>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
  fifo: 'fifo',
  'character-device': 'device',
  'block-device': 'device',
}

const XATTR_KEY = 'SCHILY.xattr.'
/** XATTR_NAME_MAX and XATTR_SIZE_MAX of <linux/limits.h>, in bytes. */
const XATTR_NAME_MAX = 255
const XATTR_BYTES_MAX = 65_536
/** (uid_t)-1 means "do not change". */
const ID_MAX = 0xffff_fffe
/** Some 34,000 years either way; file systems clamp further. */
const MTIME_MAX = 2 ** 40

/** Reads `tar` to its end, which must be a proper one. Throws UnpackError. */
export async function* tarMembers(
  tar: AsyncIterable<Buffer>,
  limits: Limits,
): AsyncGenerator<Member> {
  const frames = new TarFrames(limits.headerBytesMax)
  const parser = extract()
  const input: Input = { tar, failure: null }
  const pumping = pump(input, frames, parser)
  let entries = 0
  try {
    for await (const entry of parser) {
      if (++entries > limits.entriesMax) {
        throw tooBig(`the image has more than ${limits.entriesMax} members`)
      }
      yield {
        ...describe(entry.header, frames.shift(), limits),
        body: entry as AsyncIterable<Buffer>,
      }
      entry.resume()
    }
  } catch (error) {
    throw error instanceof UnpackError || error === input.failure ? error : unreadable(error)
  } finally {
    parser.destroy(null)
  }
  await pumping
}

interface Input {
  tar: AsyncIterable<Buffer>
  /** What it ended with, where it did not end well. */
  failure: unknown
}

/** Feeds the parser at its own pace. Its failure is the parser's, and so the reader's. */
async function pump(input: Input, frames: TarFrames, parser: Extract): Promise<void> {
  try {
    for await (const chunk of input.tar) {
      frames.push(chunk)
      if (!parser.write(chunk)) await drained(parser)
      if (parser.destroyed) return
    }
    frames.end()
    parser.end(null)
  } catch (error) {
    input.failure = error
    parser.destroy(error as Error)
  }
}

/** What tar-stream alone objects to, as the bytes that are left of a block behind the tar's end. */
function unreadable(error: unknown): UnpackError {
  return corrupt(`the tar is corrupt: ${(error as Error).message}`)
}

function drained(parser: Extract): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      parser.off('drain', done)
      parser.off('close', done)
      resolve()
    }
    parser.on('drain', done)
    parser.on('close', done)
    if (parser.destroyed) done()
  })
}

function describe(
  header: Header,
  frame: MemberFrame | undefined,
  limits: Limits,
): Omit<Member, 'body'> {
  checkSameReading(header, frame)
  const type = TYPES[header.type]
  return {
    type,
    path: memberPath(header.name, limits),
    link: linkOf(type, header, limits),
    // The field may hold the file type's bits too.
    mode: 0o7777 & integer(header.mode, 0o177777, header, 'mode'),
    uid: integer(decimal(frame.pax, 'uid') ?? header.uid, ID_MAX, header, 'owner'),
    gid: integer(decimal(frame.pax, 'gid') ?? header.gid, ID_MAX, header, 'group'),
    size: frame.size,
    mtime: mtimeOf(header, frame),
    xattrs: xattrsOf(header, frame.pax),
  }
}

/** Two readers of one tar must agree on where each member's data is, or an image could mean two things. */
function checkSameReading(
  header: Header & { byteOffset?: number },
  frame: MemberFrame | undefined,
): asserts frame is MemberFrame {
  if (frame?.dataOffset === header.byteOffset && frame?.size === header.size) return
  throw corrupt(`the tar is corrupt at ${showName(header.name)}: its headers contradict each other`)
}

function linkOf(type: MemberType, header: Header, limits: Limits): string {
  const link = nullable(header.linkname)
  if (type === 'link') return memberPath(link, limits)
  if (type !== 'symlink') return ''
  if (link === '') throw refused(`${showName(header.name)} is a symbolic link to nothing`)
  if (Buffer.byteLength(link) > limits.linkBytesMax) {
    throw tooBig(`${showName(header.name)} is a symbolic link of over ${limits.linkBytesMax} bytes`)
  }
  return link
}

/** tar-stream's types do not say that a missing link name is null. */
function nullable(link: string | null): string {
  return link ?? ''
}

function decimal(pax: ReadonlyMap<string, Buffer>, key: string): number | undefined {
  const text = pax.get(key)?.toString('latin1')
  if (text === undefined) return undefined
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

function integer(value: number | undefined, max: number, header: Header, what: string): number {
  // A mode field may carry the file type's bits too (old tars).
  const number = what === 'mode' ? (value ?? Number.NaN) & 0o7777 : value
  if (number !== undefined && Number.isInteger(number) && number >= 0 && number <= max)
    return number
  throw corrupt(`the tar is corrupt: ${showName(header.name)} has an impossible ${what}`)
}

function mtimeOf(header: Header, { mtime, pax }: MemberFrame): number {
  const text = pax.get('mtime')?.toString('latin1')
  const seconds =
    text === undefined
      ? (mtime ?? Number.NaN)
      : /^-?\d{1,15}(?:\.\d{1,20})?$/.test(text)
        ? Number(text)
        : Number.NaN
  if (Math.abs(seconds) <= MTIME_MAX) return seconds
  throw corrupt(`the tar is corrupt: ${showName(header.name)} has an impossible time`)
}

function xattrsOf(header: Header, pax: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>()
  for (const [key, value] of pax) {
    if (!key.startsWith(XATTR_KEY)) continue
    const name = key.slice(XATTR_KEY.length)
    const isName = name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= XATTR_NAME_MAX
    if (!isName || value.length > XATTR_BYTES_MAX) {
      const member = showName(header.name)
      throw refused(`${member} has the attribute ${showName(name)}, which Linux does not have`)
    }
    xattrs.set(name, value)
  }
  return xattrs
}
