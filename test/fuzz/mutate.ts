// Changes an input a little: what a coverage-guided search tries next.
import type { Random } from './random.ts'

export interface Material {
  /** Every input found interesting so far; never empty. */
  corpus: readonly Buffer[]
  /** Words that the target's grammar knows. */
  dictionary: readonly Buffer[]
  bytesMax: number
}

type Mutation = (input: Buffer, random: Random, material: Material) => Buffer

const STEPS_MAX = 5
const RUN_BYTES_MAX = 64
/** Where counters, signs and sizes turn over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
const NUMBERS = ['0', '-1', '8', '255', '65536', '2147483648', '4294967295', '9007199254740993']

/** A stretch of `input`, at most `bytesMax` long. */
function stretch(input: Buffer, random: Random, bytesMax: number): [from: number, to: number] {
  const from = random.below(input.length + 1)
  return [from, Math.min(input.length, from + random.below(bytesMax + 1))]
}

function replace(input: Buffer, from: number, to: number, middle: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, from), middle, input.subarray(to)])
}

const flipBit: Mutation = (input, random) => {
  const copy = Buffer.from(input)
  const at = random.below(Math.max(1, copy.length))
  if (at < copy.length) copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at)
  return copy
}

const setByte: Mutation = (input, random) => {
  const copy = Buffer.from(input)
  if (copy.length > 0) copy.writeUInt8(random.below(256), random.below(copy.length))
  return copy
}

const insertBytes: Mutation = (input, random) => {
  const [at] = stretch(input, random, 0)
  const same = random.below(2) === 0 ? random.below(256) : null
  const bytes = Array.from({ length: 1 + random.below(8) }, () => same ?? random.below(256))
  return replace(input, at, at, Buffer.from(bytes))
}

const remove: Mutation = (input, random) => {
  const bytesMax = random.below(4) === 0 ? input.length : RUN_BYTES_MAX
  const [from, to] = stretch(input, random, bytesMax)
  return replace(input, from, to, Buffer.alloc(0))
}

const repeat: Mutation = (input, random) => {
  const [from, to] = stretch(input, random, random.below(4) === 0 ? input.length : RUN_BYTES_MAX)
  const times = 1 + random.below(random.below(8) === 0 ? 200 : 3)
  const run = input.subarray(from, to)
  return replace(input, to, to, Buffer.concat(Array<Buffer>(times).fill(run)))
}

const move: Mutation = (input, random) => {
  const [from, to] = stretch(input, random, RUN_BYTES_MAX)
  const [at] = stretch(input, random, 0)
  return replace(input, at, at, input.subarray(from, to))
}

const splice: Mutation = (input, random, { corpus }) => {
  const other = random.pick(corpus)
  const [from, to] = stretch(other, random, other.length)
  const [start, end] = stretch(input, random, random.below(2) === 0 ? 0 : input.length)
  return replace(input, start, end, other.subarray(from, to))
}

const word: Mutation = (input, random, { dictionary }) => {
  if (dictionary.length === 0)
    return insertBytes(input, random, { dictionary, corpus: [], bytesMax: 0 })
  const chosen = random.pick(dictionary)
  const at = random.below(input.length + 1)
  const over = random.below(2) === 0 ? chosen.length : 0
  return replace(input, at, Math.min(input.length, at + over), chosen)
}

const edge: Mutation = (input, random) => {
  const size = random.pick([1, 2, 4])
  if (input.length < size) return input
  const copy = Buffer.from(input)
  const value = random.pick(EDGES) % 2 ** (8 * size)
  const at = random.below(copy.length - size + 1)
  if (random.below(2) === 0) copy.writeUIntBE(value, at, size)
  else copy.writeUIntLE(value, at, size)
  return copy
}

/** Another number where digits stand. */
const number: Mutation = (input, random) => {
  const found = [...input.toString('latin1').matchAll(/\d+/g)]
  if (found.length === 0) return input
  const { index, 0: digits } = random.pick(found)
  const text = random.below(3) === 0 ? String(random.below(100_000)) : random.pick(NUMBERS)
  return replace(input, index, index + digits.length, Buffer.from(text))
}

const MUTATIONS: readonly Mutation[] = [
  ...[flipBit, setByte, insertBytes, remove, repeat, move, splice, word, word, edge, number],
]

/** An input of the corpus, changed in one to five ways. */
export function mutate(random: Random, material: Material): Buffer {
  // The newest entries are where the search is; the old ones are not forgotten.
  const { corpus } = material
  const recent = corpus.slice(-16)
  let input = random.pick(random.below(3) === 0 ? recent : corpus)
  for (let steps = 1 + random.below(STEPS_MAX); steps > 0; steps--) {
    input = random.pick(MUTATIONS)(input, random, material)
  }
  return input.subarray(0, material.bytesMax)
}
