import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { explain } from '../../chroot-runner/explain.ts'
import { planWords } from '../../chroot-runner/words.ts'
import type { Mount } from '../../sys/mount.ts'
import { FakeClock, FakeMachine, fakeLog } from '../supervisor/fake-node.ts'
import type { Plans } from '../supervisor/plans.ts'
import { createReaper } from '../supervisor/reaper.ts'
import { createMountInChild, mountPlan } from './mount-child.ts'

const ENODEV = 19
const WANTED: Mount = {
  ...{ source: '/dev/vdb1', target: '/var/lib', fstype: 'xfs' },
  ...{ flags: ['readOnly', 'noDev'], data: 'logbufs=8' },
}

const none = (): never => {
  throw new Error('no plan of an app is needed')
}
const plans: Plans = { app: none, refresh: none, words: planWords, explain }

let machine: FakeMachine
let clock: FakeClock
let openBefore: number

const open = (): number => readdirSync('/proc/self/fd').length

beforeEach(() => {
  machine = new FakeMachine()
  clock = new FakeClock()
  openBefore = open()
})
afterEach(() => expect([open(), clock.timers()]).toEqual([openBefore, 0]))

function mountInChild(): Promise<void> {
  const { native, life } = machine
  const reaper = createReaper({ native, life, log: fakeLog(), later: setImmediate })
  machine.reap = reaper.reap
  return createMountInChild({ native, reaper, plans, buffer: Buffer.alloc(4096) }, clock)(WANTED)
}

test('the plan mounts below the root, in the node’s own namespace, and ends', () => {
  expect(mountPlan(WANTED)).toEqual({
    ...{ namespaces: 0, env: [] },
    steps: [
      { op: 'enter-directory', root: '/' },
      {
        ...{ op: 'mount', source: '/dev/vdb1', target: 'var/lib', fstype: 'xfs' },
        ...{ flags: 5, data: 'logbufs=8', optional: false },
      },
      { op: 'exit' },
    ],
  })
})

test('it is done when the child ends well', async () => {
  const done = mountInChild()
  machine.last('spawn').exit(0)
  await done
})

test('a refusal is told in words', async () => {
  const refused = mountInChild()
  machine.last('spawn').say(3, `E 1 ${ENODEV}\n`)
  machine.last('spawn').exit(111 << 8)
  await expect(refused).rejects.toThrow(
    'mount xfs at /var/lib: this kernel has no such file system',
  )
  const killed = mountInChild()
  machine.last('spawn').exit(9)
  await expect(killed).rejects.toThrow('the mount ended with SIGKILL')
})

test('a disk that does not answer is not waited for without end', async () => {
  const hangs = mountInChild()
  clock.advance(5 * 60_000)
  await expect(hangs).rejects.toThrow('no answer in 5 minutes')
  expect(machine.signals).toEqual([`${machine.last('spawn').pid} SIGKILL`])
  // It may still end some day.
  machine.last('spawn').exit(9)
})
