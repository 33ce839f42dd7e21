import { expect, test } from 'vitest'
import { emptyRecord, memoryLife, type MemoryRecord } from '../../sys/fake-life.ts'
import { Upgrade } from '../../sys/life.ts'
import { Death, FakeDisk } from './fake-disk.ts'
import { fileNames } from './file-names.ts'
import {
  abandonTrial,
  beginTrial,
  confirmTrial,
  findUpgrade,
  settleNames,
  type Trial,
} from './trial.ts'

const NAMES = fileNames('/sbin/init')
const ENOEXEC = -8

/** A node that runs `old` and has `new` beside it. */
class World {
  readonly disk = new FakeDisk('old')
  record: MemoryRecord = emptyRecord()
  /** What execve(2) says, 0: the new life begins. */
  becomes = 0
  /** Dies in the moment of the upgrade instead. */
  dies = false

  constructor() {
    this.disk.names.set(NAMES.fresh, 'new')
    this.disk.names.set(NAMES.previous, 'oldest')
    this.disk.durable = new Map(this.disk.names)
  }

  get trial(): Trial {
    const { disk, record } = this
    const become = (fd: number): number => {
      if (this.becomes !== 0) return this.becomes
      if (!this.dies) disk.become(fd)
      throw new Death()
    }
    const clock = { nowMs: () => 5000, wallMs: () => 0, after: () => () => undefined }
    return { native: { become }, life: memoryLife(record), clock, disk }
  }
  number(name: 'upgrade' | 'previousFd' | 'trialEndsMs'): number {
    return memoryLife(this.record).get(name)
  }
  /** The upgrade, up to the first moment of the new file's life. */
  begin(): void {
    expect(() => beginTrial(this.trial, NAMES)).toThrow(Death)
  }
  /** What the loader does when the new file does not answer. */
  goBack(reason: string): void {
    this.disk.become(this.number('previousFd'))
    this.record.numbers.set('upgrade', Upgrade.wentBack)
    this.record.reason = reason
  }
  /** A life from its beginning to where nothing of an upgrade is left to do. */
  live(): string {
    const found = findUpgrade(this.trial)
    if (found.state === 'trial') confirmTrial(this.trial)
    if (found.state === 'trial' || found.state === 'confirmed') settleNames(this.disk)
    return found.state
  }
  names(): Record<string, string> {
    return Object.fromEntries(this.disk.names)
  }
}

const OLD = { '/sbin/init': 'old', '/sbin/init.previous': 'oldest' }
const NEW = { '/sbin/init': 'new', '/sbin/init.previous': 'old' }

test('the new file gets its name when it is confirmed, and not before', () => {
  const world = new World()
  world.begin()
  expect(world.names()).toEqual({ ...OLD, '/sbin/init.new': 'new' })
  expect(world.number('upgrade')).toBe(Upgrade.trial)
  expect(world.number('trialEndsMs')).toBe(35_000)
  expect(world.live()).toBe('trial')
  expect(world.names()).toEqual(NEW)
  expect(Object.fromEntries(world.disk.durable)).toEqual(NEW)
  expect(world.disk.running()).toBe('/sbin/init')
  expect(world.number('upgrade')).toBe(Upgrade.confirmed)
  expect(world.number('previousFd')).toBe(-1)
  // Nothing is left for the lives after it.
  expect(world.live()).toBe('confirmed')
  expect(world.names()).toEqual(NEW)
})

test('a rollback changes the two files, and another one changes them back', () => {
  const world = new World()
  world.begin()
  world.live()
  for (const [now, before] of [
    ['old', 'new'],
    ['new', 'old'],
  ]) {
    world.disk.link(NAMES.previous, NAMES.fresh)
    world.record.numbers.set('upgrade', Upgrade.none)
    world.begin()
    expect(world.disk.content).toBe(now)
    expect(world.live()).toBe('trial')
    expect(world.names()).toEqual({ '/sbin/init': now, '/sbin/init.previous': before })
  }
})

test('the loader goes back: the new file is gone, and the reason is there until the next upgrade', () => {
  const world = new World()
  world.begin()
  world.goBack('it did not answer within its time')
  for (let life = 0; life < 2; life++) {
    expect(findUpgrade(world.trial)).toEqual({
      state: 'went-back',
      reason: 'it did not answer within its time',
    })
    expect(world.names()).toEqual(OLD)
    expect(world.number('previousFd')).toBe(-1)
  }
})

test('a file that can not be executed leaves everything as it was', () => {
  const world = new World()
  world.becomes = ENOEXEC
  expect(beginTrial(world.trial, NAMES)).toBe('the kernel does not execute it (ENOEXEC)')
  abandonTrial(world.trial, NAMES)
  expect(world.names()).toEqual(OLD)
  expect(world.number('upgrade')).toBe(Upgrade.none)
  expect(world.number('previousFd')).toBe(-1)
  expect(world.disk.descriptors.size).toBe(0)
})

test('a death in the moment of the upgrade is a failed one', () => {
  const world = new World()
  world.dies = true
  world.begin()
  // The loader has executed the old file, with the previous one's descriptor open.
  expect(findUpgrade(world.trial).state).toBe('went-back')
  expect(world.names()).toEqual(OLD)
  expect(world.number('upgrade')).toBe(Upgrade.none)
  expect(world.number('previousFd')).toBe(-1)
  expect(findUpgrade(world.trial).state).toBe('none')
})

test('a life or a boot that finds a new file of nobody deletes it', () => {
  for (const boots of [false, true]) {
    const world = new World()
    if (boots) world.disk.boot(true)
    expect(world.live()).toBe('none')
    expect(world.names()).toEqual(OLD)
  }
})

test('a running file is never deleted, even one that was started by that name', () => {
  const world = new World()
  world.disk.become(world.disk.open(NAMES.fresh))
  expect(world.live()).toBe('none')
  expect(world.disk.names.get(NAMES.fresh)).toBe('new')
})

/** How many changes of the disk a life on trial makes. */
function changesOfTrial(): number {
  const world = new World()
  world.begin()
  const before = world.disk.changes
  world.live()
  return world.disk.changes - before
}

test.each(['a death', 'a power cut', 'a power cut that nothing had flushed for'])(
  '%s at every step of the trial leaves the old or the new file, and nothing beside',
  (how) => {
    const steps = changesOfTrial()
    expect(steps).toBeGreaterThan(5)
    for (let step = 0; step <= steps; step++) {
      const world = new World()
      world.begin()
      world.disk.changesLeft = world.disk.changes + step
      if (step < steps) expect(() => world.live()).toThrow(Death)
      else world.live()
      const whole = [...world.disk.names.values()]
      expect(['old', 'new']).toContain(world.disk.names.get('/sbin/init'))
      expect(whole).toContain('old')
      if (how === 'a death') world.disk.changesLeft = Infinity
      else {
        world.disk.boot(how === 'a power cut')
        world.record = emptyRecord()
      }
      world.live()
      if (how === 'a death') expect(world.names()).toEqual(NEW)
      else {
        expect(['old', 'new']).toContain(world.names()['/sbin/init'])
        expect(Object.keys(world.names()).sort()).toEqual(['/sbin/init', '/sbin/init.previous'])
      }
    }
  },
)

test('a death at every step of going back ends with the old file', () => {
  for (let step = 0; step < 3; step++) {
    const world = new World()
    world.begin()
    world.goBack('it died again and again')
    world.disk.changesLeft = world.disk.changes + step
    if (step < 2) expect(() => world.live()).toThrow(Death)
    else world.live()
    world.disk.changesLeft = Infinity
    expect(world.live()).toBe('went-back')
    expect(world.names()).toEqual(OLD)
  }
})
