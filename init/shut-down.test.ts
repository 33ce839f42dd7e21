import { expect, test } from 'vitest'
import { emptyRecord, memoryLife } from '../sys/fake-life.ts'
import { fakeNative } from '../sys/fake-native.ts'
import { Ending } from '../sys/life.ts'
import type { BootLog } from './console.ts'
import type { How } from './power.ts'
import { FINISH_SECONDS, shutDown, type ShutDown } from './shut-down.ts'

const EBUSY = -16
const EPERM = -1

const MOUNTINFO = [
  '1 0 8:1 / / rw - ext4 /dev/vda1 rw',
  '2 1 0:1 / /proc rw - proc proc rw',
  '3 1 8:2 / /data rw - ext4 /dev/vdb rw',
  '4 3 8:3 / /data/my\\040disk rw - ext4 /dev/vdc rw',
].join('\n')

const SWAPS = [
  'Filename Type Size Used Priority',
  '/dev/vda2 partition 1048572 0 -2',
  '/data/my\\040swap file 1048572 0 -3',
  '',
].join('\n')

/** A machine that writes the way down as a story. */
function machine(
  how: How,
  owner: 0 | 1,
  changes: Partial<ShutDown> = {},
  busy: string[] = [],
  openVz = false,
) {
  const story: string[] = []
  const note = (line: string) => void story.push(line)
  const step = (line: string) => () => {
    note(line)
    return Promise.resolve()
  }
  const complain = (problem: string, error: unknown) =>
    note(`! ${problem}${error === null ? '' : `: ${(error as Error).message}`}`)
  const log: BootLog = {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    open: () => undefined,
    say: note,
    complain,
  }
  const native = fakeNative({
    ownsMachine: () => owner,
    finishWithin: (seconds) => story.push(`finish within ${seconds} s`) * 0,
    leave: (status) => story.push(`leave ${status}`) * 0,
    sync: () => story.push('sync') * 0,
    umount2: (target) => {
      note(`umount ${target}`)
      return busy.includes(target) ? EBUSY : 0
    },
    mount: (_, target, __, flags) => story.push(`mount ${target} ${flags.toString(16)}`) * 0,
    swapoff: (path) => story.push(`swapoff ${path}`) * 0,
    reboot: (command) => story.push(`reboot ${command.toString(16)}`) * 0,
  })
  const record = emptyRecord()
  const options: ShutDown = {
    native,
    life: memoryLife(record),
    log,
    how,
    timers: { nowMs: () => 0, after: () => () => undefined },
    stopRequests: step('requests stopped'),
    stopApps: step('apps stopped'),
    closeFiles: () => note('files closed'),
    mounted: ['/proc', '/run'],
    files: {
      read: (path) => (path === '/proc/swaps' ? SWAPS : MOUNTINFO),
      exists: (path) => openVz && path === '/proc/vz',
      create: (path) => note(`create ${path}`),
    },
    ...changes,
  }
  return { story, record, run: () => shutDown(options) }
}

test('a machine of our own powers off with everything written', async () => {
  const { story, run } = machine('power-off', 1, {}, ['/data'])
  await run()
  expect(story).toEqual([
    'finish within 86 s',
    'going down to power off',
    'requests stopped',
    'apps stopped',
    'files closed',
    'sync',
    'swapoff /data/my swap',
    'umount /data/my disk',
    'umount /data',
    'mount /data 21',
    'mount / 21',
    'sync',
    'powering off',
    'reboot 4321fedc',
  ])
})

test('a container leaves, and nothing becomes read-only or reboots', async () => {
  const { story, run } = machine('reboot', 0, {}, ['/run'])
  await run()
  expect(story.slice(-5)).toEqual([
    'files closed',
    'sync',
    'umount /run',
    'umount /proc',
    'leave 129',
  ])
})

test('OpenVZ is told to start the container again', async () => {
  const { story, run } = machine('reboot', 0, {}, [], true)
  await run()
  expect(story.slice(-2)).toEqual(['create /reboot', 'leave 129'])
  const off = machine('power-off', 0, {}, [], true)
  await off.run()
  expect(off.story.at(-1)).toBe('leave 0')
  expect(off.story).not.toContain('create /reboot')
})

test('steps that fail or hang do not keep the machine up', async () => {
  const { story, run } = machine('reboot', 1, {
    stopRequests: () => Promise.reject(new Error('broken')),
    stopApps: () => new Promise(() => undefined),
    closeFiles: () => {
      throw new Error('disk full')
    },
    // Every deadline is over at once.
    timers: {
      nowMs: () => 0,
      after: (_, fire) => {
        setImmediate(fire)
        return () => undefined
      },
    },
    native: fakeNative({
      ownsMachine: () => 1,
      finishWithin: () => EPERM,
      sync: () => 0,
      swapoff: () => EPERM,
      umount2: () => EPERM,
      mount: () => EBUSY,
      reboot: () => EPERM,
    }),
  })
  await run()
  expect(story).toEqual([
    '! nothing finishes what hangs: finishWithin: EPERM',
    'going down to reboot',
    '! requests go on: broken',
    '! apps go on after 60000 ms',
    '! files stay open: disk full',
    '! /data/my swap stays in use: swapoff /data/my swap: EPERM',
    '! /data/my disk is not unmounted cleanly: umount /data/my disk: EPERM',
    '! /data is not unmounted cleanly: umount /data: EPERM',
    '! the root file system stays writable: mount /: EBUSY',
    'rebooting',
    '! the machine stays on: reboot restart: EPERM',
  ])
})

test.each(['power-off', 'reboot'] as const)(
  'a death on the way down goes on with it: %s',
  async (how) => {
    const { record, run } = machine(how, 0)
    await run()
    expect(record.numbers.get('ending')).toBe(Ending[how])
  },
)

test('the native end comes after every step has had its time, and before who asked gives up', () => {
  expect(FINISH_SECONDS).toBeGreaterThan(5 + 60 + 6)
  expect(FINISH_SECONDS).toBeLessThan(90)
})

test('a container whose process can not be left says so', async () => {
  const { story, run } = machine('power-off', 0, {
    native: fakeNative({
      ...{ ownsMachine: () => 0, finishWithin: () => 0, sync: () => 0, umount2: () => 0 },
      leave: () => EPERM,
    }),
  })
  await run()
  expect(story.at(-1)).toBe('! the container stays on: leave: EPERM')
})
