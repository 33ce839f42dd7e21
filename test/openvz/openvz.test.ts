// `solocloud install` in a container as OpenVZ has them, over a real Debian 12 with its systemd and sshd, by ssh.
// Not tested: a real OpenVZ, whose kernel is older and limits more (test/compat has those limits).
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { command } from '../../qemu/command.ts'
import { ADDRESSES } from './debian-container.ts'
import { differences, manifestOf } from './manifest.ts'
import { NODE, OpenVzHost } from './open-vz-host.ts'

const PREPARE_MS_MAX = 1_800_000
const SOON = { timeout: 20_000 }
/** A Debian without a kernel: 240 MB, less what stays. */
const PURGED_MB_MIN = 100
const POWER = ['/sbin/halt', '/sbin/poweroff', '/sbin/reboot']
const [HELLO] = EXAMPLES

let host: OpenVzHost
let before: string[]
let known: string
beforeAll(async () => {
  host = await OpenVzHost.make(say)
  await host.start()
  await timed('the start of Debian', async () => host.waitForDebian())
  await timed('the file copied by scp', async () => host.bring())
  before = manifestOf(host.disk)
  known = await readFile(host.ssh.knownHosts, 'utf8')
}, PREPARE_MS_MAX)
afterAll(async () => host[Symbol.asyncDispose]())

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function timed<T>(what: string, act: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await act()
  say(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  return result
}

const links = (...paths: string[]): string[] =>
  paths.map((path) => readlinkSync(join(host.disk, path)))
const bootLog = (): string => readFileSync(host.container.path('/run/solocloud/boot.log'), 'utf8')

/** As a person does, with the restart that OpenVZ makes of the container's own; what `install` printed. */
async function install(words: string, user?: 'debian'): Promise<string> {
  const printed = await host.install(words, user)
  await host.startAsAsked()
  await host.waitForNode()
  return printed
}

async function expectNode(state: string): Promise<void> {
  const json: unknown = JSON.parse(await host.cloud('node', NODE, '--json'))
  const { installation, addresses } = nodeStatus(json, 'node')
  expect(installation).toMatchObject({ method: 'openvz', state })
  expect(addresses).toEqual([`${ADDRESSES.v4}/32`, `${ADDRESSES.v6}/128`])
}

async function expectApps(): Promise<void> {
  const apps = appStatuses(JSON.parse(await host.cloud('ps', NODE, '--json')), 'ps')
  expect(apps.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'cpp-hello running',
    'ssh running',
  ])
  await expect.poll(() => host.get(8001), SOON).toMatch(HELLO?.answer ?? '')
}

test('the container is found to be one, and starts again as a node on trial', async () => {
  const facts = 'systemd-detect-virt; cat /proc/self/uid_map; systemctl is-active networking'
  expect((await host.ssh.get(facts)).split(/\s+/)).toEqual(
    'openvz 0 0 4294967295 active '.split(' '),
  )
  const printed = await timed('`install --yes` to the node', async () => install('--method auto'))
  expect(printed).toMatch(/^ {2}system +Debian GNU\/Linux 12 \(bookworm\), systemd$/m)
  expect(printed).toMatch(/^ {2}machine +OpenVZ, x64, /m)
  expect(printed).toMatch(/^ {2}kernel +Linux \S+, the host's$/m)
  expect(printed).toMatch(
    /^ {2}venet0 +198\.51\.100\.17\/32, 2001:db8:40::17\/128 \(\/etc\/network\/interfaces\)$/m,
  )
  expect(printed).toMatch(/^ {2}ssh +port 22; root \(may manage\), debian \(may manage\)$/m)
  expect(printed).toMatch(/^ {2}~ {2}\/sbin\/init -> solocloud +what the container's host starts$/m)
  expect(printed).toMatch(/its host starts the new \/sbin\/init\s\(openvz: /)
  expect(printed).toMatch(/do nothing, or restart the container from its\shost\./)
  expect(printed).toContain('\nThis system goes down now, and the node starts.\n')
  expect(printed).toContain(`\n  cloud confirm ssh://root@${ADDRESSES.v4}\n`)

  expect(await readFile(host.ssh.knownHosts, 'utf8')).toBe(known)
  await host.waitForLogin('debian')
  expect(bootLog()).toContain('on trial until')
  expect(bootLog()).toContain(`network: venet0 ${ADDRESSES.v4}/32 ${ADDRESSES.v6}/128 as set`)
  expect(await host.inside('ip', 'route')).toMatch(/^default dev venet0 .* src 198\.51\.100\.17 /m)
  expect(await host.outside('busybox', 'ping', '-c1', '-W5', ADDRESSES.v6)).toContain(
    '1 packets received',
  )
  // Its first act: what its host would start now is the old system.
  expect(links('/sbin/init', ...POWER)).toEqual([
    '/lib/systemd/systemd',
    ...POWER.map(() => '/bin/systemctl'),
  ])
})

test('killed before it was confirmed, it is the old system again', async () => {
  // The old system's, which has nobody to ask.
  await expect(host.inside('/sbin/halt')).rejects.toThrow(/init|bus/)
  await host.waitForNode()
  await host.kill()
  await host.start()
  await host.waitForDebian()
  expect(await readFile(host.ssh.knownHosts, 'utf8')).toBe(known)
})

test('installed again and confirmed, it stays the node, however its host ends it', async () => {
  expect(await install('--method openvz', 'debian')).toContain('Removing the earlier try ...\n')
  expect(await host.cloud('confirm', NODE)).toContain('confirmed')
  expect(links('/sbin/init', ...POWER)).toEqual(['solocloud', ...POWER.map(() => 'solocloud')])
  await host.cloud('start', NODE, imagePath('cpp-hello.txz'))
  await expectApps()

  await host.exec('/sbin/reboot')
  await host.startAsAsked()
  await host.waitForNode()
  await expectApps()
  await host.exec('/sbin/halt')
  expect(await host.down()).toEqual({ code: 0, signal: null })
  expect(existsSync(join(host.disk, 'reboot'))).toBe(false)
  await host.start()
  await host.waitForNode()
  await expectApps()
  await expectNode('confirmed')
  expect(bootLog()).not.toContain('on trial')
})

test('uninstalled, the old system is there, byte for byte', async () => {
  await host.cloud('node', 'uninstall', NODE, '--yes')
  await host.startAsAsked()
  await host.waitForDebian()
  expect(await readFile(host.ssh.knownHosts, 'utf8')).toBe(known)
  expect(differences(before, manifestOf(host.disk))).toEqual([])
})

test('purged, the node and its app go on without the old system', async () => {
  await install('')
  await host.cloud('start', NODE, imagePath('cpp-hello.txz'))
  await expectNode('confirmed')
  const usedMb = async (): Promise<number> => parseInt(await command('du', ['-sm', host.disk]), 10)
  const beforeMb = await usedMb()
  const told = await timed('the purge', async () => host.cloud('node', 'purge', NODE, '--yes'))
  const afterMb = await usedMb()
  say(`${told.trim()}\ndisk in use: ${beforeMb} MB, after the purge ${afterMb} MB`)
  expect(told).toMatch(/the old system is removed: \d+ files/)
  expect(beforeMb - afterMb).toBeGreaterThan(PURGED_MB_MIN)
  expect(existsSync(join(host.disk, 'usr/lib/systemd/systemd'))).toBe(false)
  await host.exec('/sbin/reboot')
  await host.startAsAsked()
  await host.waitForNode()
  await expectApps()
  await expectNode('purged')
  expect(await readFile(host.ssh.knownHosts, 'utf8')).toBe(known)
})
