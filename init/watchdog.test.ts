import { expect, test } from 'vitest'
import { emptyRecord, memoryLife } from '../sys/fake-life.ts'
import { fakeNative } from '../sys/fake-native.ts'
import type { BootLog } from './console.ts'
import { openWatchdogDevice, startWatchdog } from './watchdog.ts'

const ENOENT = -2
const EBUSY = -16

/** A machine whose /dev/watchdog is descriptor 7, or an error; loading softdog may bring it. */
function machine({ device = 7, softdog = ENOENT, ours = 1 }) {
  const story: string[] = []
  const record = emptyRecord()
  record.numbers.set('watchdogFd', -1)
  let now = device
  const native = fakeNative({
    ownsMachine: () => ours,
    watchdog: (ticks, fd) => {
      story.push(`watch ${ticks} ${fd}`)
      return 0
    },
    openWatchdog: (seconds) => {
      story.push(`open for ${seconds} s: ${now}`)
      return now
    },
  })
  const log = {
    info: (_, message) => void story.push(`> ${message}`),
    complain: (problem) => void story.push(`! ${problem}`),
  } as Partial<BootLog> as BootLog
  const load = {
    loadNamed: (name: string): Promise<boolean> => {
      story.push(`load ${name}`)
      now = softdog
      return Promise.resolve(softdog >= 0)
    },
  }
  return { story, record, load, parts: { native, log, life: memoryLife(record) } }
}

test('the first life opens the device, and later ones feed the same descriptor', async () => {
  const { story, record, load, parts } = machine({})
  startWatchdog(parts)
  await openWatchdogDevice(parts, load)
  expect(story).toEqual(['watch 10 -1', 'open for 60 s: 7', 'watch 10 7'])
  expect([...record.kept]).toEqual([7])
  const second = { ...parts, life: memoryLife(record) }
  story.length = 0
  startWatchdog(second)
  await openWatchdogDevice(second, load)
  expect(story).toEqual(['watch 10 7'])
})

test('without hardware, softdog', async () => {
  const { story, load, parts } = machine({ device: ENOENT, softdog: 9 })
  await openWatchdogDevice(parts, load)
  expect(story).toEqual(['open for 60 s: -2', 'load softdog', 'open for 60 s: 9', 'watch 10 9'])
})

test('neither: one line', async () => {
  const { story, record, load, parts } = machine({ device: ENOENT })
  await openWatchdogDevice(parts, load)
  expect(story.at(-1)).toBe('> this machine has no watchdog')
  expect(record.kept.size).toBe(0)
})

test('a device that somebody else has, and a machine that is not ours', async () => {
  const busy = machine({ device: EBUSY })
  await openWatchdogDevice(busy.parts, busy.load)
  expect(busy.story).toEqual(['open for 60 s: -16', '! the watchdog is not used'])
  const container = machine({ ours: 0 })
  await openWatchdogDevice(container.parts, container.load)
  expect(container.story).toEqual([])
})

test('what native code refuses is said, and the node goes on', () => {
  const { story, parts } = machine({})
  startWatchdog({ ...parts, native: fakeNative({ watchdog: () => -19 }) })
  expect(story).toEqual(['! a hang would not be noticed'])
})
