// Whether a file can be one of ours for this machine, by its own words; that it works is self-test.ts's.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { decodeTable, TABLE_SIZE, type PartKind, type TableEntry } from '../../bundle/table.ts'
import { AppError } from '../supervisor/apps.ts'

export interface ByteSource {
  size: number
  /** Fills `target` from `position` on; what lies behind the end stays as it is. */
  readAt(target: Uint8Array, position: number): void
}

const ELF_HEADER_SIZE = 64
const ELF_MAGIC = 0x464c457f
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const EXECUTABLE = 2
/** e_machine of elf(5), by Node's names. */
const MACHINES = new Map([
  ['x64', 62],
  ['arm64', 183],
])
/** Without one of each of these the loader starts nothing. */
const NEEDED: readonly PartKind[] = ['program', 'interpreter', 'preload', 'addon']

/** Throws AppError, and Node's fs errors. */
export function checkFile(path: string): void {
  const fd = openSync(path, 'r')
  try {
    const readAt = (target: Uint8Array, position: number): void =>
      void readSync(fd, target, 0, target.length, position)
    checkBytes({ size: fstatSync(fd).size, readAt }, process.arch)
  } finally {
    closeSync(fd)
  }
}

/** `arch`: this machine's, as Node names it. Throws AppError. */
export function checkBytes(source: ByteSource, arch: string): void {
  const header = read(source, 0, ELF_HEADER_SIZE)
  if (!isProgram(header)) throw notOurs()
  const machine = header.readUInt16LE(18)
  if (machine !== MACHINES.get(arch)) throw wrongArchitecture(machine, arch)
  if (header.readUInt16LE(16) !== EXECUTABLE || source.size < ELF_HEADER_SIZE + TABLE_SIZE)
    throw notOurs()
  const table = decodeTable(read(source, source.size - TABLE_SIZE, TABLE_SIZE))
  if (table === null) throw notOurs()
  checkParts(source, table)
}

function checkParts(source: ByteSource, parts: readonly TableEntry[]): void {
  const end = source.size - TABLE_SIZE
  for (const { name, kind, offset, size } of parts) {
    if (offset < ELF_HEADER_SIZE || size === 0 || offset + size > end)
      throw damaged(`its part ${name} is not in it`)
    const runs = kind === 'program' || kind === 'interpreter'
    if (runs && !isProgram(read(source, offset, ELF_HEADER_SIZE)))
      throw damaged(`its part ${name} is not a program`)
  }
  const missing = NEEDED.find((kind) => !parts.some((part) => part.kind === kind))
  if (missing !== undefined) throw damaged(`it has no ${missing}`)
}

function read(source: ByteSource, position: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  source.readAt(bytes, position)
  return bytes
}

function isProgram(header: Buffer): boolean {
  return (
    header.readUInt32LE(0) === ELF_MAGIC &&
    header.readUInt8(4) === CLASS_64 &&
    header.readUInt8(5) === LITTLE_ENDIAN
  )
}

function notOurs(): AppError {
  return new AppError(
    'not-solocloud',
    'This is not a whole solocloud file; send build/solocloud as `make build` leaves it.',
  )
}

function damaged(how: string): AppError {
  return new AppError('file-damaged', `The file is damaged: ${how}; build it again.`)
}

function wrongArchitecture(machine: number, arch: string): AppError {
  const known = [...MACHINES].find(([, number]) => number === machine)?.[0]
  const its = known === undefined ? `machine ${machine}` : goName(known)
  return new AppError(
    'wrong-architecture',
    `The file is for ${its} and the node is ${goName(arch)}; build it there.`,
  )
}

const goName = (arch: string): string => (arch === 'x64' ? 'amd64' : arch)
