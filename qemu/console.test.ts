import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Console } from './console.ts'

test('a line is found before, across and after it is waited for', async () => {
  const stream = new PassThrough()
  const console = new Console(stream)
  const found = console.waitFor(/life (\d+)/, 1000)
  stream.write('li')
  stream.write('fe 12\r\n')
  expect((await found)[1]).toBe('12')
  expect((await console.waitFor(/life/, 1000))[0]).toBe('life')
  expect(console.text).toBe('life 12\n')
})

test('from a position on, only new text counts', async () => {
  const stream = new PassThrough()
  const console = new Console(stream)
  stream.write('ready 1\n')
  await console.waitFor(/ready/, 1000)
  const again = console.waitFor(/ready \d/, 1000, console.position)
  stream.write('ready 2\n')
  expect((await again)[0]).toBe('ready 2')
})

test('what never comes is an error that shows the console', async () => {
  const stream = new PassThrough()
  const console = new Console(stream)
  stream.write('hung here\n')
  await expect(console.waitFor(/ready/, 20)).rejects.toThrow(/not within 20 ms[^]*hung here/)
})

test('a panic and the end of the console do not wait for the time limit', async () => {
  const stream = new PassThrough()
  const console = new Console(stream)
  const panicked = console.waitFor(/ready/, 60_000)
  stream.write('[1.0] Kernel panic - not syncing: no init\n')
  await expect(panicked).rejects.toThrow('kernel panic')
  const ended = console.waitFor(/ready/, 60_000, console.position)
  stream.destroy()
  await expect(ended).rejects.toThrow('the console ended')
  await expect(console.waitFor(/ready/, 60_000, console.position)).rejects.toThrow('ended')
})
