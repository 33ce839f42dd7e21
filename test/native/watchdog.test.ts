// The watchdog thread in an ordinary process, with a fake loader. /dev/watchdog is never opened here.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildAddon, scratch } from './build-addon.ts'
import { buildFakeFace, DIED } from './fake-face.ts'

const place = scratch('watchdog')
let env: Record<string, string> = {}
beforeAll(() => {
  env = { SOLOCLOUD_ADDON: buildAddon(place.dir), LD_PRELOAD: buildFakeFace(place.dir) }
})
afterAll(() => place.remove())

function probe(words: string[], more: Record<string, string> = {}): [number | null, string] {
  const script = join(import.meta.dirname, 'life-probe.ts')
  const options = { env: { ...env, ...more }, timeout: 20_000, encoding: 'utf8' } as const
  const { status, stdout } = spawnSync(process.execPath, [script, ...words], options)
  return [status, stdout]
}

test('endless JavaScript ends the life, and says where it was', () => {
  const [status, text] = probe(['hang'])
  expect(status).toBe(DIED)
  expect(text).toMatch(/^0\ndied: hang\n {4}at endless \(.*life-probe\.ts:8:/)
})

test.each([
  ['native-hang', 'running'],
  // pause(2): 34 on amd64; arm64 has ppoll in its place.
  ['sleep-hang', /\b(34|73) 0x/],
])('%s, where JavaScript cannot answer, does too', (kind, place) => {
  const [status, text] = probe(['fault', kind], { FAULTS: 'yes' })
  expect(status).toBe(DIED)
  expect(text).toMatch(/^0\ndied: hang\nnot in JavaScript; /)
  expect(text).toMatch(place)
})

test('an event loop that turns is left alone, also after a short stop', () => {
  expect(probe(['idle'])).toEqual([0, '0\n'])
  expect(probe(['pause'])).toEqual([0, '0\n'])
})

test('a second call changes the time, and a process ends in spite of the timer', () => {
  expect(probe(['twice'])).toEqual([0, '0\n0\n'])
})

test('a shutdown that does not end is ended', () => {
  expect(probe(['finish'])).toEqual([DIED, '0\n0\ndied: shutdown did not end\n'])
})

test('without a loader there is no life to end', () => {
  expect(probe(['finish'], { LD_PRELOAD: '' })).toEqual([0, '-19\n-19\n'])
})
