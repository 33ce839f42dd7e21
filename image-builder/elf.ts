// Reads what the kernel and ld.so read of a 64-bit little-endian ELF file (elf(5)): who loads it, and
// which libraries it wants. It runs nothing, and trusts no offset.
import { closeSync, openSync, readSync } from 'node:fs'
import { BuildError } from './build-error.ts'

export interface Elf {
  architecture: 'amd64' | 'arm64' | null
  /** PT_INTERP; null for a static program and for libraries. */
  interpreter: string | null
  /** DT_NEEDED, in order. */
  needed: string[]
  /** DT_RPATH and DT_RUNPATH, split at colons. */
  rpath: string[]
  runpath: string[]
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46])
const HEADER_BYTES = 64
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const MACHINES: Readonly<Record<number, 'amd64' | 'arm64'>> = { 62: 'amd64', 183: 'arm64' }
const PROGRAM_HEADER_BYTES = 56
const PROGRAM_HEADERS_MAX = 256
const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NULL = 0
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_STRSZ = 10
const DT_RPATH = 15
const DT_RUNPATH = 29
/** Interpreter, dynamic section and string table: far beyond what linkers make. */
const SECTION_BYTES_MAX = 16 * 1024 * 1024

interface Segment {
  type: number
  offset: number
  address: number
  bytes: number
}

type Read = (offset: number, bytes: number) => Buffer

/** null for a file that is no ELF file. Throws BuildError for one that is damaged or not 64-bit. */
export function readElf(path: string): Elf | null {
  const fd = openSync(path, 'r')
  try {
    const magic = Buffer.alloc(MAGIC.length)
    readSync(fd, magic, 0, magic.length, 0)
    return magic.equals(MAGIC) ? parse(reader(fd, path), path) : null
  } finally {
    closeSync(fd)
  }
}

function reader(fd: number, path: string): Read {
  return (offset, bytes) => {
    if (bytes > SECTION_BYTES_MAX) throw damaged(path)
    const buffer = Buffer.alloc(bytes)
    if (readSync(fd, buffer, 0, bytes, offset) !== bytes) throw damaged(path)
    return buffer
  }
}

function parse(read: Read, path: string): Elf {
  const header = read(0, HEADER_BYTES)
  if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN) {
    throw new BuildError(
      'program-incomplete',
      `${path} is not a 64-bit program; nodes run only these`,
    )
  }
  const segments = readSegments(read, header, path)
  const interpreter = segments.find(({ type }) => type === PT_INTERP)
  return {
    architecture: MACHINES[header.readUInt16LE(18)] ?? null,
    interpreter: interpreter ? text(read(interpreter.offset, interpreter.bytes), 0) : null,
    ...readDynamic(read, segments, path),
  }
}

function readSegments(read: Read, header: Buffer, path: string): Segment[] {
  const count = header.readUInt16LE(56)
  if (
    count > PROGRAM_HEADERS_MAX ||
    (count > 0 && header.readUInt16LE(54) !== PROGRAM_HEADER_BYTES)
  ) {
    throw damaged(path)
  }
  const table = read(number(header, 32), count * PROGRAM_HEADER_BYTES)
  return Array.from({ length: count }, (_, index) => {
    const row = table.subarray(index * PROGRAM_HEADER_BYTES)
    return {
      type: row.readUInt32LE(0),
      offset: number(row, 8),
      address: number(row, 16),
      bytes: number(row, 32),
    }
  })
}

function readDynamic(
  read: Read,
  segments: Segment[],
  path: string,
): Pick<Elf, 'needed' | 'rpath' | 'runpath'> {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (dynamic === undefined) return { needed: [], rpath: [], runpath: [] }
  const tags = readTags(read(dynamic.offset, dynamic.bytes))
  const first = (tag: number): number | undefined => tags.find(([known]) => known === tag)?.[1]
  const address = first(DT_STRTAB)
  const bytes = first(DT_STRSZ)
  const holder = segments.find(
    (segment) =>
      segment.type === PT_LOAD &&
      address !== undefined &&
      address >= segment.address &&
      address < segment.address + segment.bytes,
  )
  if (address === undefined || bytes === undefined || holder === undefined) throw damaged(path)
  const strings = read(holder.offset + address - holder.address, bytes)
  const all = (tag: number): string[] =>
    tags.filter(([known]) => known === tag).map(([, at]) => text(strings, at))
  const paths = (tag: number): string[] =>
    all(tag).flatMap((list) => list.split(':').filter(Boolean))
  return { needed: all(DT_NEEDED), rpath: paths(DT_RPATH), runpath: paths(DT_RUNPATH) }
}

/** [tag, value] up to DT_NULL. */
function readTags(section: Buffer): [number, number][] {
  const tags: [number, number][] = []
  for (let at = 0; at + 16 <= section.length; at += 16) {
    const tag = number(section, at)
    if (tag === DT_NULL) break
    tags.push([tag, number(section, at + 8)])
  }
  return tags
}

/** Eight bytes as a number; those above 2^53 are inexact, and lead outside the file. */
function number(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at))
}

function text(strings: Buffer, at: number): string {
  const end = strings.indexOf(0, at)
  return strings.toString('utf8', at, end === -1 ? strings.length : end)
}

function damaged(path: string): BuildError {
  return new BuildError('program-incomplete', `${path} is a damaged ELF file; build it again`)
}
