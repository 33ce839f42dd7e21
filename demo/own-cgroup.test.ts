import { expect, test } from 'vitest'
import { cgroupMount, cgroupPath } from './own-cgroup.ts'

test('cgroup2 is found where it is mounted, alone or beside the older controllers', () => {
  const unified = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n'
  const hybrid = [
    '31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    '32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  ].join('\n')
  expect(cgroupMount(unified)).toBe('/sys/fs/cgroup')
  expect(cgroupMount(hybrid)).toBe('/sys/fs/cgroup/unified')
  expect(cgroupMount('31 30 0:27 / /sys rw - sysfs sysfs rw\n')).toBeNull()
})

test('our own place in the hierarchy is the line without a controller', () => {
  expect(cgroupPath('4:memory:/box\n0::/user.slice/session-2.scope\n')).toBe(
    '/user.slice/session-2.scope',
  )
  expect(cgroupPath('4:memory:/box\n')).toBe('/')
})
