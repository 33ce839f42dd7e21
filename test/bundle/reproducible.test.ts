// The same sources give the same bytes, wherever they are built.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sha256File } from '../../bundle/step.ts'
import { FILE, NODE, ROOT, run } from './built-file.ts'

const BUILD_MS_MAX = 280_000
/** On the same file system as node_modules, which can then be linked instead of copied. */
mkdirSync(join(ROOT, 'build'), { recursive: true })
const directory = mkdtempSync(join(ROOT, 'build/elsewhere-'))
afterAll(() => rmSync(directory, { recursive: true }))

const NOT_SOURCES = /^(\.git|\.cache|build|node_modules)$/

test('a build in another directory has the same sha256', { timeout: 300_000 }, async () => {
  for (const name of readdirSync(ROOT).filter((entry) => !NOT_SOURCES.test(entry)))
    cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  run(['cp', '-al', join(ROOT, 'node_modules'), directory])
  // Both from the sources of this moment: the first is usually up to date.
  const here = run([NODE, join(ROOT, 'bundle/build.ts')], process.env, BUILD_MS_MAX)
  const there = run([NODE, join(directory, 'bundle/build.ts')], process.env, BUILD_MS_MAX)
  expect(here.err + there.err).toBe('')
  const elsewhere = join(directory, 'build')
  for (const name of [
    'syscalls.node',
    'lzma.node',
    'work/shim.so',
    'work/loader',
    'work/solocloud.cjs',
  ])
    expect([name, await sha256File(join(elsewhere, name))]).toEqual([
      name,
      await sha256File(join(ROOT, 'build', name)),
    ])
  expect(await sha256File(join(elsewhere, 'solocloud'))).toBe(await sha256File(FILE))
})
