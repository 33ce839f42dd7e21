// Small ELF files for tests: headers and a dynamic section, no code.

export interface FixtureElf {
  /** e_machine; 62, x86-64, when left out. */
  machine?: number
  /** 1 for 32 bits; 2 when left out. */
  elfClass?: number
  interpreter?: string
  needed?: readonly string[]
  rpath?: string
  runpath?: string
}

const HEADER_BYTES = 64
const SEGMENT_BYTES = 56
/** Where the file says that it is mapped, so that addresses are not offsets. */
const ADDRESS = 0x400000

export function elfFile(fixture: FixtureElf): Buffer {
  const { strings, tags } = dynamicOf(fixture)
  const interpreter = Buffer.from(
    fixture.interpreter === undefined ? '' : `${fixture.interpreter}\0`,
  )
  const start = HEADER_BYTES + 3 * SEGMENT_BYTES
  const dynamicAt = start + interpreter.length
  const stringsAt = dynamicAt + (tags.length + 3) * 16
  const all: [number, number][] = [...tags, [5, ADDRESS + stringsAt], [10, strings.length], [0, 0]]
  const size = stringsAt + strings.length
  return Buffer.concat([
    header(fixture),
    segment(1, 0, size),
    segment(2, dynamicAt, all.length * 16),
    fixture.interpreter === undefined ? segment(0, 0, 0) : segment(3, start, interpreter.length),
    interpreter,
    ...all.map(([tag, value]) => words(tag, value)),
    strings,
  ])
}

function dynamicOf(fixture: FixtureElf): { strings: Buffer; tags: [number, number][] } {
  let strings = '\0'
  const add = (text: string): number => {
    const at = strings.length
    strings += `${text}\0`
    return at
  }
  const tags: [number, number][] = (fixture.needed ?? []).map((name) => [1, add(name)])
  if (fixture.rpath !== undefined) tags.push([15, add(fixture.rpath)])
  if (fixture.runpath !== undefined) tags.push([29, add(fixture.runpath)])
  return { strings: Buffer.from(strings), tags }
}

function header({ machine = 62, elfClass = 2 }: FixtureElf): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write('\x7fELF', 'latin1')
  bytes.set([elfClass, 1, 1], 4)
  bytes.writeUInt16LE(3, 16)
  bytes.writeUInt16LE(machine, 18)
  bytes.writeBigUInt64LE(BigInt(HEADER_BYTES), 32)
  bytes.writeUInt16LE(SEGMENT_BYTES, 54)
  bytes.writeUInt16LE(3, 56)
  return bytes
}

function segment(type: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(SEGMENT_BYTES)
  bytes.writeUInt32LE(type, 0)
  bytes.writeBigUInt64LE(BigInt(offset), 8)
  bytes.writeBigUInt64LE(BigInt(ADDRESS + offset), 16)
  bytes.writeBigUInt64LE(BigInt(size), 32)
  return bytes
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8)
  return bytes
}
