// Going through the points of a run, with a log of a few sectors and no guest.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filled, flush, writeLogBytes } from '../../qemu/fixture-write-log.ts'
import { cutAtPoints } from './cut-at-points.ts'
import type { Point } from './points.ts'

const REQUESTS = [{ data: filled(1) }, flush, { data: filled(2) }, flush, { data: filled(3) }]
/** After the superblock: where each of the requests ends. */
const [FIRST_FLUSH, SECOND_FLUSH, END] = [2048, 3584, 4608]
const STEPS = [{ name: 'count', beganAt: 2048, doneAt: 4000, before: '1', after: '2' }]
const point = (at: number): Point => ({ at, unflushed: 'lost', span: 'count' })

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cut-at-points-'))
})
afterEach(() => rm(dir, { recursive: true }))

/** What was reported, and how it ended. */
async function cut(points: readonly Point[], onDisk: number): Promise<[string[], string]> {
  const [log, base, disk, image] = ['log', 'base', 'disk', 'image'].map((name) => join(dir, name))
  if (!log || !base || !disk || !image) throw new Error('no names')
  await writeFile(log, writeLogBytes(REQUESTS))
  await writeFile(base, filled(0))
  await writeFile(disk, filled(onDisk))
  const lines: string[] = []
  const ended = cutAtPoints(
    { log, base, disk, steps: STEPS },
    {
      ...{ points, image, random: () => 0 },
      async check(path, allowed) {
        const found = String((await readFile(path))[0])
        if (!allowed.includes(found)) throw new Error(`${found}, not ${allowed.join(' or ')}`)
        return found
      },
      report: (line) => void lines.push(line.replace(/, [\d.]+ s$/, '')),
    },
  )
  return [lines, await ended.then(String, (error: unknown) => (error as Error).message)]
}

test('each point is checked with what may be found there', async () => {
  const points = [point(FIRST_FLUSH), point(SECOND_FLUSH), point(END)]
  const [lines, end] = await cut(points, 3)
  expect([lines, end]).toEqual([
    [FIRST_FLUSH, SECOND_FLUSH, END].map(
      (at, index) => `count, byte ${at} of the log, right after a flush: ${[1, 2, 2][index]}`,
    ),
    'undefined',
  ])
})

test('a point that fails does not keep the others from being tried', async () => {
  const [lines, end] = await cut([point(512), point(FIRST_FLUSH)], 3)
  expect(lines.map((line) => line.replace(/.*: /, ''))).toEqual(['0, not 1', '1'])
  expect(end).toMatch(/^1 of 2 points:\ncount, byte 512 .*: 0, not 1$/)
})

test('a log that does not lead to the disk proves nothing', async () => {
  expect((await cut([], 4))[1]).toMatch(/^cmp .*differ/s)
})
