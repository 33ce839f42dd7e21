import { Readable } from 'node:stream'
import { beforeEach, expect, test } from 'vitest'
import type { UpgradeProgress } from '../../protocol/api.ts'
import { emptyRecord, memoryLife } from '../../sys/fake-life.ts'
import { LIFE_LAYOUT, Upgrade } from '../../sys/life.ts'
import type { Restart } from '../http/node-control.ts'
import { STATE_SCHEMA } from '../state/schema.ts'
import { AppError } from '../supervisor/apps.ts'
import { FakeClock, fakeLog } from '../supervisor/fake-node.ts'
import { FakeDisk } from './fake-disk.ts'
import { createUpgrades, type UpgradeParts, type UpgradeSteps, type Upgrades } from './upgrade.ts'

const FILE = { body: Readable.from([]), bytes: 100, sha256: '' }
const GOOD = { version: '2', lifeLayout: LIFE_LAYOUT, state: STATE_SCHEMA, failed: null }
const ENOEXEC = -8

let disk: FakeDisk
let clock: FakeClock
let log: ReturnType<typeof fakeLog>
let record: ReturnType<typeof emptyRecord>
let became: string[]
let pushes: string[]
let complaints: string[]
let goingDown: boolean
let progress: string[]
let upgrades: Upgrades

beforeEach(() => {
  disk = new FakeDisk('old')
  clock = new FakeClock()
  log = fakeLog()
  record = emptyRecord()
  became = []
  pushes = []
  complaints = []
  goingDown = false
  progress = []
  upgrades = node()
})

/** A life of the node; its `become` fails, so that the test goes on. */
function node(steps: Partial<UpgradeSteps> = {}, changes: Partial<UpgradeParts> = {}): Upgrades {
  return createUpgrades({
    ...{ disk, clock, log, life: memoryLife(record) },
    complain: (problem) => void complaints.push(problem),
    native: { become: (fd) => (became.push(disk.descriptors.get(fd)?.content ?? ''), ENOEXEC) },
    steps: {
      mayTest: () => undefined,
      receive(path, file, onBytes) {
        disk.names.set(path, 'new')
        onBytes(file.bytes)
        return Promise.resolve()
      },
      check: () => undefined,
      test: () => Promise.resolve(GOOD),
      ...steps,
    },
    askOurselves: () => Promise.resolve(),
    pushes: () => pushes,
    goingDown: () => goingDown,
    ...changes,
  })
}

const tell = (event: UpgradeProgress): void => void progress.push(event.event)

async function code(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome
    return 'done'
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}

/** Lets promises and timers go on until it settles. */
async function settled<T>(outcome: Promise<T>): Promise<T> {
  const wait = { over: false }
  const end = (): void => void (wait.over = true)
  void outcome.then(end, end)
  for (let turn = 0; !wait.over && turn < 10_000; turn++) {
    await new Promise(setImmediate)
    clock.advance(100)
  }
  return outcome
}

test('an upgrade is received, checked, tested, and begins when it is told to', async () => {
  const restart = await upgrades.upgrade(FILE, tell)
  expect(progress).toEqual(['receiving', 'checking', 'testing'])
  expect(restart).toMatchObject({ version: '2', life: 1 })
  expect([became, disk.durable.get('/sbin/init.new')]).toEqual([[], 'new'])
  expect(await code(upgrades.upgrade(FILE, tell))).toBe('upgrade-in-progress')
  restart.begin()
  expect(became).toEqual(['new'])
})

test('a file that the kernel refuses is told, and another can be sent', async () => {
  const first = await upgrades.upgrade(FILE, tell)
  first.begin()
  expect(upgrades.status()).toEqual({
    state: 'went-back',
    reason: 'the kernel does not execute it (ENOEXEC)',
  })
  expect([...disk.names.keys()]).toEqual(['/sbin/init'])
  await upgrades.upgrade(FILE, tell)
  expect(upgrades.status()).toEqual({ state: 'none', reason: null })
})

const refuse = (): never => {
  throw new AppError('refused', 'No.')
}
test.each<[string, Partial<UpgradeSteps>, string]>([
  ['too little memory', { mayTest: refuse }, 'refused'],
  ['a broken connection', { receive: () => Promise.reject(new Error('broke')) }, 'Error: broke'],
  ['a wrong file', { check: refuse }, 'refused'],
  ['a failing test', { test: () => Promise.resolve().then(refuse) }, 'refused'],
  ['another life', { test: () => Promise.resolve({ ...GOOD, lifeLayout: 99 }) }, 'life-layout'],
])('%s changes nothing', async (_, steps, expected) => {
  upgrades = node(steps)
  expect(await code(upgrades.upgrade(FILE, tell))).toBe(expected)
  expect(Object.fromEntries(disk.names)).toEqual({ '/sbin/init': 'old' })
  expect(upgrades.status().state).toBe('none')
  // And the next one may come.
  expect(await code(upgrades.rollBack(tell))).not.toBe('upgrade-in-progress')
})

test('a full disk, a node that goes down, and a file that somebody replaced refuse it', async () => {
  disk.free = 99
  expect(await code(upgrades.upgrade(FILE, tell))).toBe('disk-full')
  disk.names.set('/sbin/init', 'by hand')
  expect(await code(upgrades.upgrade(FILE, tell))).toBe('file-replaced')
  goingDown = true
  expect(await code(upgrades.upgrade(FILE, tell))).toBe('shutting-down')
  expect(progress).toEqual([])
})

test('a rollback tests the file before as if it were new', async () => {
  expect(await code(upgrades.rollBack(tell))).toBe('no-previous-init')
  disk.names.set('/sbin/init.previous', 'oldest')
  const restart = await upgrades.rollBack(tell)
  expect(progress).toEqual(['checking', 'testing'])
  restart.begin()
  expect(became).toEqual(['oldest'])
  expect(disk.names.get('/sbin/init.previous')).toBe('oldest')
})

test('a restart waits for pushes, but not for ever', async () => {
  pushes = ['foo']
  const waiting = upgrades.upgrade(FILE, tell)
  clock.after(5000, () => (pushes = []))
  await settled(waiting)
  expect(progress.filter((event) => event === 'waiting')).toEqual(['waiting'])
  upgrades = node()
  pushes = ['foo']
  await expect(settled(upgrades.upgrade(FILE, tell))).rejects.toThrow(/push of foo/)
  expect(disk.exists('/sbin/init.new')).toBe(false)
})

test('what was allowed before the node goes down does not begin', async () => {
  const restart: Restart = await upgrades.upgrade(FILE, tell)
  goingDown = true
  restart.begin()
  expect([became, disk.exists('/sbin/init.new')]).toEqual([[], false])
})

/** The record and the disk as the new file's first life finds them. */
function onTrial(): void {
  disk.names.set('/sbin/init.new', 'new')
  record.numbers.set('previousFd', disk.openRunning())
  record.numbers.set('upgrade', Upgrade.trial)
  record.numbers.set('trialEndsMs', 30_000)
  disk.become(disk.open('/sbin/init.new'))
}

test('a life on trial is confirmed by an answer of its own management', async () => {
  onTrial()
  let asked = 0
  const askOurselves = (): Promise<void> =>
    ++asked < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve()
  upgrades = node({}, { askOurselves })
  expect(upgrades.status().state).toBe('trial')
  expect(await code(upgrades.upgrade(FILE, tell))).toBe('upgrade-in-progress')
  const begunMs = clock.nowMs()
  record.numbers.set('bootMs', begunMs)
  await settled(upgrades.settle())
  expect(asked).toBe(3)
  expect(clock.nowMs() - begunMs).toBeGreaterThan(5000)
  expect(upgrades.status()).toEqual({ state: 'confirmed', reason: null })
  expect(record.numbers.get('upgrade')).toBe(Upgrade.confirmed)
  expect(disk.names.get('/sbin/init')).toBe('new')
})

test('without an answer nothing is confirmed: the loader goes back', async () => {
  onTrial()
  upgrades = node({}, { askOurselves: () => Promise.reject(new Error('nobody')) })
  await settled(upgrades.settle())
  expect(clock.nowMs()).toBeGreaterThan(30_000)
  expect(record.numbers.get('upgrade')).toBe(Upgrade.trial)
  expect(disk.names.get('/sbin/init')).toBe('old')
})

test('a confirmed file without its name is told so', async () => {
  onTrial()
  disk.rename = () => {
    throw new Error('EROFS')
  }
  upgrades = node()
  await settled(upgrades.settle())
  expect(upgrades.status()).toEqual({
    state: 'confirmed',
    reason: 'it runs, but the next boot starts the file before (EROFS)',
  })
})

test('going back is loud, and told until the next upgrade', async () => {
  disk.names.set('/sbin/init.new', 'new')
  record.numbers.set('previousFd', disk.openRunning())
  record.numbers.set('upgrade', Upgrade.wentBack)
  record.reason = 'it did not answer within its time'
  upgrades = node()
  await upgrades.settle()
  expect(upgrades.status()).toEqual({ state: 'went-back', reason: record.reason })
  expect(complaints).toEqual([`the upgrade failed, the file before runs: ${record.reason}`])
  expect(disk.exists('/sbin/init.new')).toBe(false)
  expect(await code(upgrades.rollBack(tell))).toBe('no-previous-init')
})
