import { expect, test } from 'vitest'
import { withoutHostPaths } from './libraries.ts'

const directories = '/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/'
const ldSo = Buffer.from(
  `x\0/etc/ld.so.cache\0search\0\0/etc/ld.so.preload\0\0${directories}\0y\0${directories}\0` +
    '/lib64/ld-linux-x86-64.so.2\0',
)

test("every one of ld.so's search paths is replaced in place", () => {
  const result = withoutHostPaths(ldSo)
  expect(result.length).toBe(ldSo.length)
  const strings = result.toString('latin1').split('\0')
  expect(strings.map((text) => text.length)).toEqual(
    ldSo
      .toString('latin1')
      .split('\0')
      .map((text) => text.length),
  )
  const paths = strings.filter((text) => text.startsWith('/'))
  expect(paths.length).toBe(11)
  // Its own name stays: it is how libraries refer to it.
  expect(paths.pop()).toBe('/lib64/ld-linux-x86-64.so.2')
  for (const path of paths) expect(path).toMatch(/^(\/proc)?\/-\//)
})

test('another ld.so is refused', () => {
  expect(() => withoutHostPaths(Buffer.from('\0/etc/ld.so.cache\0'))).toThrow('does not hold')
})
