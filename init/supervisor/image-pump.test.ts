import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSink, pumpImage } from './image-pump.ts'

// A FIFO is a pipe with a name: the kernel's own back pressure and EPIPE, without an addon.
let dir: string
let reader: number
let writer: number
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pump-'))
  const path = join(dir, 'fifo')
  execFileSync('mkfifo', [path])
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  writer = openSync(path, 'w')
})
afterEach(() => rmSync(dir, { recursive: true }))

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
/** Bytes read, 0 at the end, null when the pipe is empty. */
function readSome(): number | null {
  try {
    return readSync(reader, Buffer.alloc(1 << 16))
  } catch {
    return null
  }
}
function bodyOf(chunks: number): { body: Readable; taken: () => number } {
  let taken = 0
  const body = new Readable({
    read() {
      this.push(taken++ < chunks ? Buffer.alloc(1 << 16) : null)
    },
  })
  return { body, taken: () => taken }
}

test('all of the body arrives, no faster than it is read, and then the end', async () => {
  const { body, taken } = bodyOf(64) // 4 MiB
  let moved = 0
  const pump = pumpImage(body, openSink(writer), () => moved++)
  for (let i = 0; i < 50; i++) await turn()
  expect(taken()).toBeLessThan(8) // What the pipe and the streams' buffers hold.
  let bytes = 0
  const endMs = Date.now() + 5000
  while (Date.now() < endMs) {
    const count = readSome()
    if (count === 0) break
    bytes += count ?? 0
    await turn()
  }
  expect([bytes, pump.complete()]).toEqual([64 << 16, true])
  expect(moved).toBeGreaterThan(64)
  pump.stop()
  closeSync(reader)
})

test('a reader that goes away leaves the body open, and nothing is complete', async () => {
  const { body } = bodyOf(64)
  const sink = openSink(writer)
  const pump = pumpImage(body, sink, () => undefined)
  await turn()
  closeSync(reader)
  const endMs = Date.now() + 5000
  while (!sink.destroyed && Date.now() < endMs) await turn()
  expect([sink.destroyed, body.destroyed, pump.complete()]).toEqual([true, false, false])
  pump.stop()
})
