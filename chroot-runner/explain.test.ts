import { expect, test } from 'vitest'
import { explain } from './explain.ts'
import type { Step } from './plan.ts'

const EPERM = 1
const ENOENT = 2
const ESRCH = 3
const EACCES = 13
const EXDEV = 18
const ENODEV = 19
const ENOTDIR = 20
const EINVAL = 22
const ENOSPC = 28
const ELOOP = 40

const mount: Step = {
  op: 'mount',
  source: 'proc',
  target: 'proc',
  fstype: 'proc',
  flags: 0,
  data: '',
  optional: false,
}
const write: Step = { op: 'write', path: 'etc/hosts', mode: 0o644, content: '' }
const device: Step = { op: 'device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 }

const cases: [Step, errno: number, sentence: string][] = [
  [{ op: 'setsid' }, EPERM, 'new session: operation not permitted'],
  [{ op: 'cgroup', path: '/c/foo' }, ENOENT, 'join cgroup /c/foo: there is no such cgroup'],
  [{ op: 'oom-score-adj', value: 0 }, EACCES, 'set oom_score_adj to 0: permission denied'],
  [
    { op: 'rlimit', resource: 7, soft: 1, hard: 2 },
    EPERM,
    'set limit nofile to 1:2: operation not permitted',
  ],
  [{ op: 'enter-mount-namespace', root: '/r' }, ENOENT, 'enter /r: the generation is gone'],
  [{ op: 'enter-directory', root: '/r' }, ENOENT, 'enter /r: the generation is gone'],
  [mount, EPERM, 'mount proc at /proc: operation not permitted'],
  [
    mount,
    ELOOP,
    'mount proc at /proc: /proc or a directory above it is a symbolic link in the image, and must be a directory',
  ],
  [
    device,
    ENOTDIR,
    'make device /dev/null: /dev/null or a directory above it is a file in the image, and must be a directory',
  ],
  [
    device,
    EXDEV,
    'make device /dev/null: the node may neither make devices nor mount its own, and /dev is not on the file system of /chroots',
  ],
  [
    device,
    ENOENT,
    'make device /dev/null: the node may make no devices, and has no /dev/null to lend',
  ],
  [
    device,
    ENODEV,
    'make device /dev/null: the node may make no devices, and its own /dev/null is not this device',
  ],
  [
    { op: 'symlink', target: 'pts/ptmx', path: 'dev/ptmx' },
    ENOSPC,
    "link /dev/ptmx to pts/ptmx: the node's disk is full",
  ],
  [write, ENOSPC, "write /etc/hosts: the node's disk is full"],
  [
    { op: 'pivot-root' },
    EINVAL,
    "change the root (pivot_root): the node's root is an initramfs, which can't be pivoted away",
  ],
  [{ op: 'chroot' }, EPERM, 'change the root (chroot): operation not permitted'],
  [{ op: 'hostname', name: 'foo' }, EPERM, 'set the host name to foo: operation not permitted'],
  [
    { op: 'user', user: 'foo:bar', keep: '0' },
    ENOENT,
    "become user foo:bar: no user foo in the image's /etc/passwd",
  ],
  [
    { op: 'user', user: 'foo:bar', keep: '0' },
    ESRCH,
    "become user foo:bar: no group bar in the image's /etc/group",
  ],
  [{ op: 'no-new-privs' }, EINVAL, 'set no_new_privs: invalid argument'],
  [
    { op: 'chdir', path: '/srv' },
    ENOENT,
    'go to the working directory /srv: no such directory in the image',
  ],
  [{ op: 'init' }, 11, "start the app's init: resource temporarily unavailable"],
  [
    { op: 'exec', argv: ['/bin/foo'] },
    ENOENT,
    'exec /bin/foo: no such file; is its interpreter in the image?',
  ],
  [{ op: 'exec', argv: ['foo'] }, ENOENT, 'exec foo: no such program in PATH'],
  [
    { op: 'exec', argv: ['/foo'] },
    EACCES,
    "exec /foo: permission denied; is it executable for the image's user?",
  ],
  [{ op: 'exec', argv: ['/foo'] }, 4000, 'exec /foo: errno 4000'],
  [{ op: 'exit' }, EINVAL, 'end: invalid argument'],
]

test.each(cases)('%j failing with %d', (step, errno, sentence) => {
  const plan = { namespaces: 0, env: [], steps: [{ op: 'setsid' } as const, step] }
  expect(explain(plan, 1, errno)).toBe(sentence)
})

test('a step that is not there is the missing end of the plan', () => {
  expect(explain({ namespaces: 0, env: [], steps: [] }, 0, EINVAL)).toBe(
    'the plan ends at step 0 without an exec',
  )
})
