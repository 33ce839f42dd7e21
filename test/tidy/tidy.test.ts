// The rules of the house that no compiler knows: who may import whom, and what a file looks like.
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { importsOf, isTest, native, ROOT, scripts, type Source, typescript } from './sources.ts'

/** Prefixes of a path that may import, beside themselves, only the prefixes listed; the longest rules. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'sys/': [],
  'protocol/': ['package.json'],
  'netlink/': ['sys/'],
  'installation/': ['sys/', 'protocol/'],
  'chroot-runner/': ['sys/', 'protocol/'],
  'image-builder/': ['protocol/', 'chroot-runner/unpack/', 'bundle/payload.ts'],
  'init/logs/': ['protocol/'],
  'init/state/': ['sys/', 'protocol/'],
  'init/network/': ['netlink/', 'sys/', 'protocol/'],
  'init/supervisor/': ['chroot-runner/', 'sys/', 'protocol/', 'init/logs/', 'init/state/'],
  'init/http/': ['init/supervisor/', 'protocol/'],
  'init/upgrade/': [
    ...['init/http/', 'init/supervisor/', 'init/state/', 'chroot-runner/', 'sys/', 'protocol/'],
    'bundle/table.ts',
  ],
  'init/': ['chroot-runner/', 'installation/', 'netlink/', 'sys/', 'protocol/'],
  'terminal/': [],
  'cloud/': ['terminal/', 'protocol/', 'image-builder/'],
  'install/': [
    ...['installation/', 'netlink/', 'terminal/', 'image-builder/', 'sys/', 'protocol/'],
    'chroot-runner/unpack/',
  ],
  'qemu/': [],
  'demo/': ['qemu/'],
  'bench/': ['qemu/', 'demo/', 'protocol/', 'cloud/', 'image-builder/'],
}

const LINES_MAX = 300
/** A test is a list: it may be longer before it stops being read. */
const TEST_LINES_MAX = 450
/** Prettier and clang-format hold code to 100; this holds comments and texts. */
const LINE_LENGTH_MAX = 130

const sources = typescript.filter(({ path }) => !isTest(path))
const everything: readonly Source[] = [...typescript, ...native, ...scripts]

/** Paths of the files for which the rule does not hold. */
const breaking = (files: readonly Source[], broken: (file: Source) => boolean): string[] =>
  files.filter(broken).map(({ path }) => path)

const under = (path: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => path.startsWith(prefix))

const isOurs = (module: string): boolean => existsSync(join(ROOT, module))

test('dependencies point one way', () => {
  const prefixes = Object.keys(MAY_IMPORT).toSorted((a, b) => b.length - a.length)
  const wrong: string[] = []
  for (const { path, imports } of sources) {
    const prefix = prefixes.find((one) => path.startsWith(one))
    if (prefix === undefined) continue
    const allowed = [prefix, ...(MAY_IMPORT[prefix] ?? [])]
    for (const module of imports) {
      if (isOurs(module) && !under(module, allowed)) wrong.push(`${path} imports ${module}`)
    }
  }
  expect(wrong).toEqual([])
})

test('the state machine imports nothing', () => {
  const machine = typescript.find(({ path }) => path === 'init/supervisor/app.ts')
  expect(machine?.imports).toEqual([])
})

test('no file is imported that does not exist', () => {
  const missing = typescript.flatMap(({ path, imports }) =>
    imports
      .filter((module) => module.endsWith('.ts') && !isOurs(module))
      .map((module) => `${path} imports ${module}`),
  )
  expect(missing).toEqual([])
})

test('what may run as PID 1 never uses node:child_process: libuv would reap what it did not start', () => {
  const inNode = ['init/', 'installation/', 'netlink/', 'sys/', 'chroot-runner/', 'protocol/']
  const files = sources.filter(({ path }) => under(path, inNode))
  expect(files.length).toBeGreaterThan(30)
  expect(breaking(files, ({ text }) => text.includes('child_process'))).toEqual([])
})

test('only sys/ loads the addon', () => {
  // lzma-native's binding is not ours, and PID 1 does not load it.
  const loaders = ['sys/load.ts', 'bundle/lzma-binding.ts']
  const product = sources.filter(({ path }) => !path.startsWith('test/'))
  expect(breaking(product, ({ text }) => text.includes('process.dlopen')).toSorted()).toEqual(
    loaders.toSorted(),
  )
})

test('a file opens with what it is for', () => {
  const opens = ({ text }: Source) => /^(#!.*\n)?(\/\/|\/\*|#) ?\S+ \S+/.test(text)
  const files = everything.filter(({ path }) => !isTest(path))
  expect(breaking(files, (file) => !opens(file))).toEqual([])
})

test('files are named in kebab-case', () => {
  const named = (path: string) => /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(basename(path))
  expect(breaking(everything, ({ path }) => !named(path))).toEqual([])
  expect(breaking(everything, ({ path }) => /\butils?\b|\bhelpers?\b/.test(path))).toEqual([])
})

test('files are short enough to read', () => {
  const linesMax = (path: string) => (isTest(path) ? TEST_LINES_MAX : LINES_MAX)
  const isLong = ({ path, text }: Source) => text.split('\n').length - 1 > linesMax(path)
  expect(breaking(everything, isLong)).toEqual([])
})

test('lines fit, end in a line feed alone, and the last one ends', () => {
  const isWide = (line: string) => line.length > LINE_LENGTH_MAX
  // A test's expected text stands as it is printed.
  const measured = everything.filter(({ path }) => !isTest(path))
  expect(breaking(measured, ({ text }) => text.split('\n').some(isWide))).toEqual([])
  expect(breaking(everything, ({ text }) => text.includes('\r\n'))).toEqual([])
  expect(breaking(everything, ({ text }) => !text.endsWith('\n') || text.endsWith('\n\n'))).toEqual(
    [],
  )
  expect(breaking(everything, ({ text }) => /[ \t]$/m.test(text))).toEqual([])
})

test('nothing is left for later', () => {
  const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X'.repeat(3)].join('|'))
  expect(breaking(everything, ({ text }) => marks.test(text))).toEqual([])
  expect(breaking(everything, ({ text }) => /\b(test|it|describe)\.only\(/.test(text))).toEqual([])
})

test('types are not given up', () => {
  // What eslint finds (any) need not be found twice.
  const givenUp = /@ts-(?:ignore|nocheck|expect)/
  expect(breaking(typescript, ({ text }) => givenUp.test(text))).toEqual([])
})

test('a unit test stands beside its source', () => {
  const alone = typescript
    .filter(({ path }) => isTest(path) && !path.startsWith('test/'))
    .filter(({ path }) => !existsSync(join(ROOT, path.replace(/\.test\.ts$/, '.ts'))))
  expect(alone.map(({ path }) => path)).toEqual([])
})

test('every directory of tests has a test in it', () => {
  const inTest = typescript.filter(
    ({ path }) => path.startsWith('test/') && dirname(path) !== 'test',
  )
  const areas = new Set(inTest.map(({ path }) => path.split('/')[1]))
  const tested = new Set(
    inTest.filter(({ path }) => isTest(path)).map(({ path }) => path.split('/')[1]),
  )
  expect([...areas].filter((area) => !tested.has(area))).toEqual([])
})

test('the reader of imports sees every form', () => {
  const text = `import { a } from './a.mjs'
import type {
  B,
} from './b.mjs'
import './c.mjs'
export { d } from './d.mjs'
const e = await import('./e.mjs')
// import { f } from './f.mjs'
`
  const found = ['./a.mjs', './b.mjs', './d.mjs', './c.mjs', './e.mjs']
  expect(importsOf(text)).toEqual(found)
})
