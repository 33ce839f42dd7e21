// A container as OpenVZ's vzctl starts and stops it. Not tested: a real OpenVZ, whose kernel also limits what is mounted.
import type { ChildProcess } from 'node:child_process'
import { existsSync, linkSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { imagePath } from '../../demo/tour.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { command } from '../../qemu/command.ts'
import { emptyRoot, isRoot, run } from '../bundle/built-file.ts'
import { NodeFixture } from '../namespaces/node-fixture.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { DEVICES, KERNEL_FILES, Limits, SOON } from './limits.ts'
import { showVz } from './show-vz.ts'

const limits = new Limits()
afterAll(() => limits[Symbol.dispose]())

const words = (path: string): string[] => readFileSync(path, 'utf8').split('\0').slice(0, -1)
const degraded = async ({ node }: NodeFixture): Promise<readonly string[]> =>
  nodeStatus(await cloudJson('node', node.manage), 'node').degraded

/** Runs a program of the node's inside, as `vzctl exec` does; it ends with the node. */
async function execInside({ node }: NodeFixture, program: string): Promise<void> {
  if (!existsSync(node.path(program))) linkSync(node.path('/sbin/init'), node.path(program))
  const inside = ['--target', String(node.pid), '--mount', '--pid', '--net', '--uts', '--root']
  await command('nsenter', [...inside, '--', program]).catch(() => undefined)
}

describe.runIf(isRoot)('on Linux 3.10 without rights', () => {
  const socket = join(limits.directory, 'vz')
  let fixture: NodeFixture
  let openVz: string
  let server: ChildProcess
  afterAll(() => fixture[Symbol.asyncDispose]())

  async function startAgain(): Promise<void> {
    server = await showVz(openVz, socket)
    await fixture.reboot()
  }

  test('init starts as vzctl starts it, and runs an app', async () => {
    openVz = await limits.compile('openvz-kernel')
    const filters = [await limits.compile('no-privileges'), await limits.compile('old-kernel')]
    const line = [openVz, socket, ...filters, await limits.compile('vzctl')]
    server = await showVz(openVz, socket)
    const under = limits.script('openvz', [...KERNEL_FILES, ...DEVICES], line)
    fixture = await NodeFixture.make('openvz', { under })
    const { pid, manage } = fixture.node
    expect(words(`/proc/${pid}/cmdline`)).toEqual(['init', '-z', '      '])
    expect(words(`/proc/${pid}/environ`)).toEqual(['HOME=/', 'TERM=linux'])
    for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null')
    await cloud('start', manage, imagePath('cpp-hello.txz'))
    expect(await fixture.node.get(8001)).toMatch(/^Hello/)
    expect((await fixture.app('cpp-hello')).isolation).toBe('chroot')
  })

  // As the tools of a host name them; each finds the app of the one before.
  const ENDS = [
    { name: 'halt', code: 0, asksForStart: false },
    { name: 'poweroff', code: 0, asksForStart: false },
    { name: 'reboot', code: 129, asksForStart: true },
  ]
  test.each(ENDS)('$name by name ends it', async ({ name, code, asksForStart }) => {
    if (name !== 'halt') await startAgain()
    await expect.poll(() => fixture.node.get(8001), SOON).toMatch(/^Hello/)
    const mark = join(fixture.scratch, 'upper/reboot')
    await execInside(fixture, `/sbin/${name}`)
    expect(await fixture.node.waitForExit()).toEqual({ code, signal: null })
    expect(fixture.processes(/./)).toEqual([])
    expect(existsSync(mark)).toBe(asksForStart)
    await expect.poll(() => server.exitCode, SOON).toBe(0)
  })

  test('after vzctl stop --fast, which kills it, the app is back', async () => {
    await startAgain()
    await fixture.node.kill()
    await startAgain()
    await expect.poll(() => fixture.node.get(8001), SOON).toMatch(/^Hello/)
  })
})

describe.runIf(isRoot)('without /dev/console, /dev/null, /tmp and /run', () => {
  const EMPTY = ['rmdir tmp run 2>/dev/null || true']

  test('what may be made is made', async () => {
    const vzctl = await limits.compile('vzctl')
    const under = limits.script('bare', [...KERNEL_FILES, ...EMPTY], [vzctl])
    await using fixture = await NodeFixture.make('bare', { under })
    const isDevice = (path: string) => statSync(fixture.node.path(path)).isCharacterDevice()
    expect(isDevice('/dev/null')).toBe(true)
    expect(existsSync(fixture.node.path('/tmp'))).toBe(true)
    expect((await degraded(fixture)).join('\n')).not.toMatch(/\/(dev|tmp|run)/)
    expect(await fixture.node.stop()).toEqual({ code: 0, signal: null })
  })

  test('what may not be made is survived, and an app that needs it says so', async () => {
    const words = [await limits.compile('no-privileges'), await limits.compile('vzctl')]
    const under = limits.script('survived', [...KERNEL_FILES, ...EMPTY], words)
    await using fixture = await NodeFixture.make('survived', { under })
    expect(await degraded(fixture)).toContain('/dev lacks null, zero, full, random, urandom, tty')
    const { code, stderr } = await runCloud([
      'start',
      fixture.node.manage,
      imagePath('cpp-hello.txz'),
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('/dev/null')
    expect(await fixture.apps()).toEqual([])
    expect(await fixture.node.stop()).toEqual({ code: 0, signal: null })
  })

  test('devices that are on another file system and may not be mounted are no help', async () => {
    const elsewhere = 'mount -n -c -t tmpfs -o size=64k dev dev'
    const prepare = [...KERNEL_FILES, elsewhere, ...DEVICES]
    const under = limits.script('elsewhere', prepare, [await limits.compile('no-privileges')])
    await using fixture = await NodeFixture.make('elsewhere', { under })
    const { code, stderr } = await runCloud([
      'start',
      fixture.node.manage,
      imagePath('cpp-hello.txz'),
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('/dev is not on the file system of /chroots')
    expect(fixture.chroots()).toEqual(['.generations', '.staging'])
  })
})

test.runIf(isRoot)('init refuses an older kernel in one sentence', () => {
  const root = emptyRoot()
  const namespaces = ['--pid', '--mount', '--net', '--uts', '--ipc', '--fork', '--kill-child']
  const old = ['setarch', 'x86_64', '--uname-2.6', 'chroot', root.path, '/solocloud', 'init']
  const done = run(['unshare', ...namespaces, '--', ...old])
  root.remove()
  expect(done).toEqual({
    status: 70,
    out: '',
    err: 'solocloud: this kernel is older than Linux 3.10, the oldest that Node.js runs on\n',
  })
})
