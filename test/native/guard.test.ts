// Machine-wide acts are refused unless role, pid and pid namespace are all PID 1's own. Needs root.
import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildAddon, compileC, scratch } from './build-addon.ts'

const EPERM = -1
const ENOENT = -2
const NAMESPACES = ['--pid', '--mount', '--net', '--uts', '--ipc', '--fork', '--kill-child']
const refused = {
  ...{ reboot: EPERM, finitModule: EPERM, devtmpfs: EPERM, remount: EPERM },
  ...{ swapon: EPERM, swapoff: EPERM, kexec: EPERM, kexecUnload: EPERM },
  ...{ remountBind: ENOENT, tmpfs: ENOENT },
}

const place = scratch('guard')
let addon = ''
let initRole = ''
let installRole = ''
let verdict = ''

/** Says what the guard says, and has no call to guard. */
const VERDICT = `
#include "guard.h"
#include <cstdio>
int main(int argc, char **argv) {
  printf("%d%d", OwnsMachine(), InstallsMachine());
  for (int i = 1; i < argc; i++) printf("%d", StartsNode(argv[i]));
}`

beforeAll(() => {
  addon = buildAddon(place.dir)
  const source = (role: string) => `const char *solocloud_role(void) { return "${role}"; }`
  const library = (role: string) =>
    compileC(place.dir, `${role}.so`, source(role), ['-shared', '-fPIC'])
  initRole = library('init')
  installRole = library('install')
  verdict = join(place.dir, 'verdict')
  const include = `-I${join(import.meta.dirname, '../../native')}`
  const flags = ['-x', 'c++', '-', '-std=c++20', '-Wall', '-Wextra', '-Werror', include]
  execFileSync('g++', [...flags, '-o', verdict], { input: VERDICT })
})
afterAll(() => place.remove())

function probe(prefix: string[], env: Record<string, string>): unknown {
  const command = [...prefix, process.execPath, join(import.meta.dirname, 'guard-probe.ts')]
  const [file = '', ...args] = command
  const environment = { ...env, SOLOCLOUD_ADDON: addon }
  const options = { env: environment, timeout: 20_000, encoding: 'utf8' } as const
  return JSON.parse(execFileSync(file, args, options))
}

test('an ordinary process has no role and is refused', () => {
  expect(probe([], {})).toMatchObject({ ...refused, role: '' })
})

test('pid 1 of another pid namespace is refused', () => {
  const answer = probe(['unshare', ...NAMESPACES, '--mount-proc'], {})
  expect(answer).toEqual({ ...refused, role: '', pid: 1 })
})

test('the role init in a process that is not pid 1 is refused', () => {
  expect(probe([], { LD_PRELOAD: initRole })).toMatchObject({ ...refused, role: 'init' })
})

test('the role init as pid 1 of another pid namespace is refused', () => {
  const env = ['env', `LD_PRELOAD=${initRole}`]
  const answer = probe(['unshare', ...NAMESPACES, '--mount-proc', ...env], {})
  expect(answer).toEqual({ ...refused, role: 'init', pid: 1 })
})

test('with the /proc of the outer pid namespace still mounted, too', () => {
  const answer = probe(['unshare', ...NAMESPACES, 'env', `LD_PRELOAD=${initRole}`], {})
  expect(answer).toEqual({ ...refused, role: 'init', pid: 1 })
})

test('the role install in another pid namespace loads no kernel: it is not its machine', () => {
  const env = ['env', `LD_PRELOAD=${installRole}`]
  const answer = probe(['unshare', ...NAMESPACES, '--mount-proc', ...env], {})
  expect(answer).toEqual({ ...refused, role: 'install', pid: 1 })
})

function ask(prefix: string[], role: string, ...lines: string[]): string {
  const [file = '', ...args] = [...prefix, 'env', `LD_PRELOAD=${role}`, verdict, ...lines]
  return execFileSync(file, args, { timeout: 20_000, encoding: 'utf8' })
}

test('only the installer, and only on the machine itself, may load a kernel', () => {
  const machine = readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]' ? '1' : '0'
  expect(ask([], installRole)).toBe(`0${machine}`)
  expect(ask([], initRole)).toBe('00')
  expect(ask([], '')).toBe('00')
  expect(ask(['unshare', ...NAMESPACES, '--mount-proc'], installRole)).toBe('00')
  // Without a /proc nothing is certain.
  expect(ask(['unshare', ...NAMESPACES], installRole)).toBe('00')
})

test.each([
  [true, 'init=/sbin/solocloud'],
  [true, 'root=UUID=1 ro quiet init=/sbin/solocloud panic=30'],
  [true, 'init=/lib/systemd/systemd\tinit=/sbin/solocloud\n'],
  [true, 'dyndbg="file a.c +p" init=/sbin/solocloud -- init=/bin/sh'],
  [false, ''],
  [false, 'root=UUID=1 ro quiet'],
  [false, 'init=/sbin/solocloud init=/bin/sh'],
  [false, 'init=/sbin/solocloud "init=/bin/sh"'],
  [false, 'init=/sbin/solocloud init="/bin/sh"'],
  [false, 'init=/sbin/solocloud.previous'],
  [false, 'rdinit=/sbin/solocloud'],
  [false, 'xinit=/sbin/solocloud'],
  [false, 'quiet -- init=/sbin/solocloud'],
  [false, 'note="a init=/sbin/solocloud b"'],
  [false, 'init=/sbin/solocloud note="open'],
])('a kernel that starts a node: %s for %j', (starts, line) => {
  expect(ask([], initRole, line)).toBe(`00${starts ? '1' : '0'}`)
})
