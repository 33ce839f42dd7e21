import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filled, Flag, flush, writeLogBytes, type FixtureRequest } from './fixture-write-log.ts'
import {
  noneSurvives,
  Replay,
  SECTOR_BYTES,
  someSurvive,
  type Survives,
} from './write-log-replay.ts'

const SECTORS = 8
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'solocloud-replay-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function open(requests: readonly FixtureRequest[]): Promise<Replay> {
  await writeFile(join(dir, 'log'), writeLogBytes(requests))
  await writeFile(join(dir, 'disk'), filled(0xff, SECTORS))
  return Replay.open(join(dir, 'log'), join(dir, 'disk'))
}

/** The first byte of each sector after a cut, as hexadecimal digits. */
async function afterCut(replay: Replay, survives: Survives): Promise<string> {
  const path = join(dir, 'cut')
  await replay.cut(path, survives)
  const bytes = await readFile(path)
  expect(bytes).toHaveLength(SECTORS * SECTOR_BYTES)
  return Array.from({ length: SECTORS }, (_, sector) => {
    const own = bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
    expect(own.every((byte) => byte === own[0])).toBe(true)
    return (own[0] ?? 0).toString(16).slice(-1)
  }).join('')
}

const all: Survives = () => true
/** The log's headers and data in `count` sectors after the superblock. */
const sectorsOfLog = (count: number): number => (1 + count) * SECTOR_BYTES

test('before the first flush nothing need be there', async () => {
  await using replay = await open([{ sector: 1, data: filled(1, 2) }, flush])
  await replay.advance(sectorsOfLog(3))
  expect(replay.unflushed).toBe(1)
  expect(await afterCut(replay, noneSurvives)).toBe('ffffffff')
  expect(await afterCut(replay, all)).toBe('f11fffff')
  expect(await afterCut(replay, (_, sector) => sector === 1)).toBe('ff1fffff')
})

test('a flush makes durable what was completed before it, and nothing else', async () => {
  await using replay = await open([
    { sector: 0, data: filled(1) },
    { sector: 1, data: filled(2) },
    flush,
    { sector: 1, data: filled(3) },
  ])
  await replay.advance(sectorsOfLog(4))
  expect(await afterCut(replay, noneSurvives)).toBe('ffffffff')
  await replay.advance(sectorsOfLog(5))
  expect(await afterCut(replay, noneSurvives)).toBe('12ffffff')
  await replay.advance(Infinity)
  expect(await afterCut(replay, noneSurvives)).toBe('12ffffff')
  expect(await afterCut(replay, all)).toBe('13ffffff')
})

test('forced unit access is durable by itself, and is not undone by an older write', async () => {
  await using replay = await open([
    { sector: 0, data: filled(1, 3) },
    { sector: 1, data: filled(2), flags: Flag.fua },
    flush,
  ])
  await replay.advance(sectorsOfLog(6))
  expect(await afterCut(replay, noneSurvives)).toBe('f2ffffff')
  expect(await afterCut(replay, all)).toBe('121fffff')
  await replay.advance(Infinity)
  expect(await afterCut(replay, noneSurvives)).toBe('121fffff')
})

test('a flush with data comes before its own write', async () => {
  await using replay = await open([
    { sector: 0, data: filled(1) },
    { sector: 1, data: filled(2), flags: Flag.flush },
  ])
  await replay.advance(Infinity)
  expect(await afterCut(replay, noneSurvives)).toBe('1fffffff')
})

test('what is discarded reads as zeros, if the disk got round to it', async () => {
  await using replay = await open([{ sector: 2, sectors: 2, flags: Flag.discard }, flush])
  await replay.advance(sectorsOfLog(1))
  expect(await afterCut(replay, noneSurvives)).toBe('ffffffff')
  await replay.advance(Infinity)
  expect(await afterCut(replay, noneSurvives)).toBe('ff00ffff')
})

test('writes beyond the chunk that is copied at a time arrive whole', async () => {
  const data = Buffer.alloc(3 * 1024 ** 2 + SECTOR_BYTES, 5)
  data.fill(6, 2 * 1024 ** 2)
  await using replay = await open([{ sector: 1, data }, flush])
  await replay.advance(Infinity)
  await replay.cut(join(dir, 'cut'), noneSurvives)
  const expected = Buffer.concat([filled(0xff), data])
  expect((await readFile(join(dir, 'cut'))).equals(expected)).toBe(true)
})

test('a sector never holds what nobody wrote, whatever survives', async () => {
  const write = fc.record({ sector: fc.nat(SECTORS - 3), length: fc.integer({ min: 1, max: 3 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(write, { freq: 3 }), { maxLength: 8 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      async (story, chances) => {
        const random = (): number => chances.next().value as number
        const requests = story.map((one, index) =>
          one === null ? flush : { sector: one.sector, data: filled(index + 1, one.length) },
        )
        await using replay = await open(requests)
        await replay.advance(Infinity)
        const found = await afterCut(replay, someSurvive(random))
        // By sector: the last value before the last flush, and every one after it.
        const last = story.lastIndexOf(null)
        for (let sector = 0; sector < SECTORS; sector++) {
          const values = story.flatMap((one, index) => {
            const covers = one !== null && one.sector <= sector && sector < one.sector + one.length
            return covers ? [{ index, digit: (index + 1).toString(16) }] : []
          })
          const durable = values.findLast(({ index }) => index < last)?.digit ?? 'f'
          const later = values.filter(({ index }) => index > last).map(({ digit }) => digit)
          expect([durable, ...later]).toContain(found[sector])
        }
      },
    ),
    { numRuns: 60 },
  )
})
