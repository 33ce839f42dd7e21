// Whatever the caller's environment holds, the file behaves the same, and nothing of the loader remains.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VERSION } from '../../protocol/version.ts'
import { ALL_CHECKS, emptyRoot, FILE, isRoot, passed, run } from './built-file.ts'

const version = { status: 0, out: `${VERSION}\n`, err: '' }

test('variables that change ld.so, the C library or Node are dropped', () => {
  const directory = mkdtempSync(join(tmpdir(), 'inherited-'))
  const done = run([FILE, 'cloud', 'self-check'], {
    LD_PRELOAD: '/no-such-library.so',
    LD_LIBRARY_PATH: directory,
    LD_DEBUG: 'all',
    LD_BIND_NOW: '1',
    NODE_OPTIONS: '--require /no-such-module.js',
    NODE_V8_COVERAGE: join(directory, 'coverage'),
    NODE_REDIRECT_WARNINGS: join(directory, 'warnings'),
    NODE_DEBUG: 'http',
    UV_THREADPOOL_SIZE: '0',
    GLIBC_TUNABLES: 'glibc.malloc.mmap_max=0',
    MALLOC_ARENA_MAX: '7',
    OPENSSL_CONF: '/no-such-file',
    SOLOCLOUD_ADDON: '/no-such-addon.node',
    SOLOCLOUD_LZMA: '/no-such-addon.node',
    SOLOCLOUD_LOADER: 'init -1 -1',
  })
  const left = existsSync(join(directory, 'coverage')) || existsSync(join(directory, 'warnings'))
  rmSync(directory, { recursive: true })
  expect(done.err).toBe('')
  expect(passed(done)).toEqual(ALL_CHECKS)
  expect(left).toBe(false)
})

test('an argument cannot give Node options', () => {
  const done = run([FILE, '--node-options=--require=/no-such-module.js', '--version'])
  expect(done).toEqual(version)
})

test('the role comes from the name, else from the first word, else it is cloud', () => {
  expect(run([join(FILE, '../cloud'), '--version'])).toEqual(version)
  expect(run([FILE, 'cloud', '--version'])).toEqual(version)
  expect(run([FILE, '--version'])).toEqual(version)
  // Its help, and nothing else: the installer looks at the machine that it runs on.
  expect(run([FILE, 'install', '--help']).out).toContain('Makes this machine a node')
  // Under the name `cloud`, a word that is a role's name is an argument like any other.
  expect(run([join(FILE, '../cloud'), 'cloud', '--version']).status).not.toBe(70)
})

const namespaces = [
  ...['--pid', '--mount', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'],
]

test('process 1 of a container, by the name of the file, is a program like any other', () => {
  expect(run(['unshare', ...namespaces, '--mount-proc', FILE, '--version'])).toEqual(version)
  // With the /proc of the pid namespace above, in which it does not find itself.
  expect(run(['unshare', ...namespaces, FILE, '--version'])).toEqual(version)
})

test.runIf(isRoot)('without a /proc, process 1 is init, and a word says otherwise', () => {
  const root = emptyRoot()
  try {
    const chroot = ['chroot', root.path, '/solocloud']
    expect(run(['unshare', ...namespaces, ...chroot, 'cloud', '--version'])).toEqual(version)
    // Where no file may have a byte it ends at once: of all roles, init alone keeps a life record.
    const done = run(['unshare', ...namespaces, 'prlimit', '--fsize=0', ...chroot, '--version'])
    expect(done.err).toContain('no room for the life record')
    expect(done.status).toBe(70)
  } finally {
    root.remove()
  }
})

test('init refuses to run as anything but process 1', () => {
  // In namespaces of its own all the same: were it not to refuse, it would mount and kill.
  const second = ['sh', '-c', `${FILE} init; exit $?`]
  const { status, err } = run(['unshare', ...namespaces, ...second])
  expect(err).toContain('init runs only as process 1')
  expect(status).toBe(70)
})

test('descriptors of the caller do not reach Node as inheritable ones', () => {
  const done = run(['sh', '-c', `exec 5</dev/null 9</dev/null; exec ${FILE} cloud self-check`])
  expect(passed(done)).toEqual(ALL_CHECKS)
})
