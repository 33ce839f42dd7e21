import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openState, type State } from '../state/state.ts'
import { createGenerations } from './generations.ts'
import { restore } from './restore.ts'
import { obedient, World } from './test-supervisor.ts'

let world: World
beforeEach(() => {
  world = new World()
  obedient(world.machine)
})
afterEach(() => world.end())

const generationPath = (name: string): string => join(world.dir, 'chroots/.generations/foo', name)

/** Two generations of foo, one of bar; then PID 1 is gone. */
async function running(): Promise<void> {
  await world.deployed('foo')
  await world.deployed('foo')
  await world.deployed('bar')
  world.close()
}

const loseDatabase = (): void => writeFileSync(join(world.dir, 'lib/state.db'), 'x'.repeat(10_000))

/** A new life: its apps as `name current previous`, with what it tidies up done. */
async function nextLife(): Promise<string[]> {
  world.boot().start()
  obedient(world.machine)
  await world.supervisor.tidied()
  return world.supervisor
    .list()
    .map(
      ({ name, generation, previousGeneration }) =>
        `${name} ${generation} ${String(previousGeneration)}`,
    )
}

const told = (text: string): boolean => world.log.lines.some((line) => line.includes(text))

test('a damaged database is rebuilt from /chroots, and later lives open it as any other', async () => {
  await running()
  loseDatabase()
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(told('error the state database could not be used')).toBe(true)
  expect(told('error it was put aside')).toBe(true)
  await world.started()
  await world.started()
  const { digest, version, state } = world.supervisor.get('foo')
  expect([digest, version, state]).toEqual([`sha256:${'a'.repeat(64)}`, '1', 'running'])
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(told('database')).toBe(false)
  expect(world.generations('foo')).toEqual(['1', '2'])
})

test('after a rollback, what runs is what the link shows', async () => {
  await running()
  rmSync(join(world.dir, 'chroots/foo'))
  symlinkSync('.generations/foo/1', join(world.dir, 'chroots/foo'))
  loseDatabase()
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 1 2'])
})

test.each<[string, () => void]>([
  ['is gone', () => rmSync(join(world.dir, 'chroots/foo'))],
  [
    'shows what is not there',
    () => {
      rmSync(join(world.dir, 'chroots/foo'))
      symlinkSync('.generations/foo/9', join(world.dir, 'chroots/foo'))
    },
  ],
])('when the link %s, the newest generation runs', async (_, damage) => {
  await running()
  damage()
  loseDatabase()
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(world.link('foo')).toBe('.generations/foo/2')
})

test.each([
  ['missing', null],
  ['empty', ''],
  ['no JSON', '{"digest":'],
  ['without a digest', '{"manifest":{}}'],
  ['of something that can not run', `{"digest":"sha256:${'a'.repeat(64)}","manifest":{}}`],
])(
  'a description that is %s: the generation below it runs, and none is deleted',
  async (_, text) => {
    await running()
    rmSync(generationPath('2.json'))
    if (text !== null) writeFileSync(generationPath('2.json'), text)
    loseDatabase()
    expect(await nextLife()).toEqual(['bar 1 null', 'foo 1 null'])
    expect(existsSync(generationPath('2/app'))).toBe(true)
  },
)

test('an app that nothing describes is told, and the others run', async () => {
  await running()
  for (const number of [1, 2]) rmSync(generationPath(`${number}.json`))
  loseDatabase()
  expect(await nextLife()).toEqual(['bar 1 null'])
  expect(told('nothing tells how to run this app')).toBe(true)
  expect(existsSync(generationPath('2/app'))).toBe(true)
})

test('generations of earlier versions run, and are described from then on', async () => {
  await running()
  const before = readFileSync(generationPath('2.json'), 'utf8')
  for (const number of [1, 2]) rmSync(generationPath(`${number}.json`))
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(readFileSync(generationPath('2.json'), 'utf8')).toBe(before)
  expect(world.generations('foo')).toEqual(['1', '2'])
})

test('a power cut before the new database is filled: the next life rebuilds it', async () => {
  await running()
  loseDatabase()
  world.boot() // Opens and fills it; then the fill is undone, as if it had never been on disk.
  world.close()
  const db = new DatabaseSync(join(world.dir, 'lib/state.db'))
  db.exec('PRAGMA foreign_keys = ON; DELETE FROM app; PRAGMA user_version = 0')
  db.close()
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
})

test('without any database the node comes up, and the next life with one has its pushes', async () => {
  await running()
  const lib = join(world.dir, 'lib')
  renameSync(lib, `${lib}-lost`)
  writeFileSync(lib, '')
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(told('error the state is kept in memory only')).toBe(true)
  await world.started()
  await world.started()
  await world.deployed('foo')
  await world.supervisor.remove('bar')
  world.close()
  rmSync(lib)
  expect(await nextLife()).toEqual(['foo 3 2'])
})

test('what a power cut left beside generations is deleted, and its numbers are used until then', async () => {
  await running()
  for (const name of ['3.json', '4.json.partial', '2.json.partial'])
    writeFileSync(generationPath(name), '')
  const lonely = join(world.dir, 'chroots/.generations/new')
  mkdirSync(lonely)
  writeFileSync(join(lonely, '1.json'), '')
  const mounts = { below: () => [], detachBelow: () => undefined }
  const generations = createGenerations(join(world.dir, 'chroots'), mounts)
  expect([generations.next('foo', 1), generations.next('new', 1)]).toEqual([5, 2])
  await generations.cleanLeftovers()
  expect([world.generations('foo'), existsSync(lonely)]).toEqual([['1', '2'], false])
  expect(generations.next('foo', 1)).toBe(5) // Never again in this life.
})

test('what else is below /chroots is left alone', async () => {
  const odd = join(world.dir, 'chroots/.generations')
  await running()
  writeFileSync(join(odd, 'a file'), '')
  mkdirSync(join(odd, 'No App/1'), { recursive: true })
  writeFileSync(join(odd, 'No App/1.json'), readFileSync(generationPath('1.json')))
  loseDatabase()
  expect(await nextLife()).toEqual(['bar 1 null', 'foo 2 1'])
  expect(existsSync(join(odd, 'a file'))).toBe(true)
})

test('a database that opens and does not tell: what /chroots holds runs, and nothing is deleted', async () => {
  await running()
  const opened = openState(join(world.dir, 'lib/state.db'), 0)
  const mute: State = {
    ...opened.state,
    apps() {
      throw new Error('disk I/O error')
    },
  }
  const generations = createGenerations(join(world.dir, 'chroots'), {
    below: () => [],
    detachBelow: () => undefined,
  })
  const { apps } = restore({ ...opened, state: mute }, generations, world.log)
  expect(apps.map(({ name, current }) => `${name} ${current.number}`).sort()).toEqual([
    'bar 1',
    'foo 2',
  ])
  expect(told('error the state database can no longer be read')).toBe(true)
  opened.state.close()
})

test('the log of an app that went before a power cut goes too; after a rebuild none does', async () => {
  await running()
  const logs = join(world.dir, 'logs')
  const left = (): string[] => readdirSync(logs).filter((name) => name.startsWith('gone'))
  const leave = (): void => {
    for (const name of ['gone.log', 'gone.log.1']) writeFileSync(join(logs, name), 'x\n')
  }
  leave()
  await nextLife()
  expect(left()).toEqual([])
  world.close()
  leave()
  loseDatabase()
  await nextLife()
  expect(left()).toEqual(['gone.log', 'gone.log.1'])
})
