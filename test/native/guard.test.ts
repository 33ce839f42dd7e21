// Machine-wide acts are refused unless role, pid and pid namespace are all PID 1's own. Needs root.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildAddon, compileC, scratch } from './build-addon.ts'

const EPERM = -1
const ENOENT = -2
const NAMESPACES = ['--pid', '--mount', '--net', '--uts', '--ipc', '--fork', '--kill-child']
const refused = {
  ...{ reboot: EPERM, finitModule: EPERM, devtmpfs: EPERM, remount: EPERM },
  ...{ remountBind: ENOENT, tmpfs: ENOENT },
}

const place = scratch('guard')
let addon = ''
let initRole = ''

beforeAll(() => {
  addon = buildAddon(place.dir)
  const source = 'const char *solocloud_role(void) { return "init"; }'
  initRole = compileC(place.dir, 'role.so', source, ['-shared', '-fPIC'])
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
