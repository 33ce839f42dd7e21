import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filled, Flag, flush, writeLogBytes, type FixtureRequest } from './fixture-write-log.ts'
import { readWriteLog, writeLogEnd, type LoggedRequest } from './write-log.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'solocloud-write-log-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function read(bytes: Buffer): Promise<LoggedRequest[]> {
  const path = join(dir, 'log')
  await writeFile(path, bytes)
  const requests: LoggedRequest[] = []
  for await (const request of readWriteLog(path)) requests.push(request)
  return requests
}

const REQUESTS: readonly FixtureRequest[] = [
  { sector: 8, data: filled(1, 2) },
  flush,
  { sector: 3, data: filled(2), flags: Flag.fua },
  { sector: 16, sectors: 4, flags: Flag.discard },
]
const NONE = { flush: false, fua: false, discard: false }

test('requests come in order, with where their data is', async () => {
  expect(await read(writeLogBytes(REQUESTS))).toEqual([
    { ...NONE, at: 512, dataAt: 1024, end: 2048, offset: 4096, length: 1024 },
    { ...NONE, at: 2048, dataAt: 2560, end: 2560, offset: 0, length: 0, flush: true },
    { ...NONE, at: 2560, dataAt: 3072, end: 3584, offset: 1536, length: 512, fua: true },
    { ...NONE, at: 3584, dataAt: 4096, end: 4096, offset: 8192, length: 2048, discard: true },
  ])
})

test('what came after the last count is there too', async () => {
  expect(await read(writeLogBytes(REQUESTS, { entries: 2 }))).toHaveLength(4)
})

test('a log that was cut off ends before the request that is not whole', async () => {
  const bytes = writeLogBytes(REQUESTS, { entries: 0 })
  expect(await read(bytes.subarray(0, 2047))).toEqual([])
  expect(await read(bytes.subarray(0, 2048))).toHaveLength(1)
  expect(await read(bytes.subarray(0, 3000))).toHaveLength(2)
})

test('a log ends at a hole', async () => {
  const bytes = writeLogBytes([flush, { data: Buffer.alloc(0) }, flush], { entries: 1 })
  expect(await read(bytes)).toHaveLength(1)
})

test('fewer requests than were counted are an error', async () => {
  await expect(read(writeLogBytes(REQUESTS, { entries: 5 }))).rejects.toThrow(
    /4 requests where 5 were logged/,
  )
})

test('what is no such log is refused', async () => {
  await expect(read(writeLogBytes([], { magic: 1n }))).rejects.toThrow(/not a log of writes/)
  await expect(read(Buffer.alloc(10))).rejects.toThrow(/not a log of writes/)
  const marked = writeLogBytes([{ flags: Flag.mark }])
  await expect(read(marked)).rejects.toThrow(/byte 512 of the log: unknown flags 8/)
})

test('the end is past everything that was logged', async () => {
  const requests = await read(writeLogBytes(REQUESTS))
  expect(await writeLogEnd(join(dir, 'log'))).toBe(requests.at(-1)?.end)
})
