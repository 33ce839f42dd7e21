// The app `ssh`, made of a Debian's own sshd as `install` makes it, on a real node: a person's ssh goes on
// working, and reaches the management socket. In namespaces, and in a plain chroot.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { makeScratch } from '../../demo/scratch.ts'
import { buildSshApp, sshAppEntries } from '../../install/ssh-app/build.ts'
import { lookSshApp } from '../../install/ssh-app/look.ts'
import type { Member, SshAppPlan } from '../../install/ssh-app/ssh-app-plan.ts'
import { pack } from '../../image-builder/pack.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { command } from '../../qemu/command.ts'
import { causeFault } from '../cause-fault.ts'
import { NodeFixture } from '../namespaces/node-fixture.ts'
import { CLOUD, cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { makeKey, SshClient } from './client.ts'
import { CLOUD_INIT_PREFIX, makeOldSystem, type OldSystem } from './old-system.ts'

const ROOT = join(import.meta.dirname, '../..')
const FAULTS = '/run/solocloud/faults'
const PORTS = { namespaces: 2201, chroot: 2202 } as const

const PASSWD = `root:x:0:0:root:/root:/bin/bash
sshd:x:104:65534::/run/sshd:/usr/sbin/nologin
debian:x:1000:1000:Debian:/home/debian:/bin/bash
guest:x:1001:1001::/srv/guest:/bin/sh
`
const GROUP = 'root:x:0:\ntty:x:5:\nsudo:x:27:debian\ndebian:x:1000:\nguest:x:1001:\n'
/** As cloud images have it: no password at all, and a locked one. */
const SHADOW = 'root:*:19000::::::\ndebian:!:19000::::::\nguest:$6$salt$hash:19000::::::\n'
const SSHD_CONFIG = `Include /etc/ssh/sshd_config.d/*.conf
UsePAM yes
PermitRootLogin yes
X11Forwarding yes
Subsystem sftp /usr/lib/openssh/sftp-server
`

/** What the tests bring about themselves. */
const EXPECTED =
  /^Failed publickey|^Connection |^connect to \/run\/solocloud\/manage.sock .*(denied|refused|No such)/

let scratch: string
let old: OldSystem
let plan: SshAppPlan
let fixture: NodeFixture

beforeAll(async () => {
  scratch = join(await makeScratch(join(ROOT, 'build/namespace-tests')), 'ssh-client')
  mkdirSync(scratch)
  const [key, rootKey] = [await makeKey(scratch, 'key'), await makeKey(scratch, 'root-key')]
  await makeKey(scratch, 'wrong-key')
  old = await makeOldSystem(scratch, [
    { path: '/etc/passwd', text: PASSWD },
    { path: '/etc/group', text: GROUP },
    { path: '/etc/shadow', text: SHADOW, mode: 0o600 },
    { path: '/etc/ssh/sshd_config', text: SSHD_CONFIG },
    { path: '/etc/ssh/sshd_config.d/port.conf', text: `Port ${PORTS.namespaces}\n` },
    {
      path: '/root/.ssh/authorized_keys',
      text: `${CLOUD_INIT_PREFIX} ${key}\n${rootKey}\n`,
      mode: 0o600,
    },
    { path: '/home/debian/.ssh/authorized_keys', text: `${key}\n`, mode: 0o600, uid: 1000 },
    { path: '/srv/guest/.ssh/authorized_keys', text: `${key}\n`, mode: 0o600, uid: 1001 },
  ])
  const { root, run } = old
  plan = lookSshApp({ root, run, connection: null, nowMs: Date.now() })
  fixture = await NodeFixture.make('ssh-app', {
    settings: [`solocloud.faults=listen:${FAULTS}`],
    prepare: install,
  })
  await pushInChroot()
  writeKnownHosts()
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true })
})

/** As the installer leaves a disk: a generation without a database, and the settings of a new one. */
async function install(disk: string): Promise<void> {
  const generations = join(disk, 'chroots/.generations/ssh')
  mkdirSync(generations, { recursive: true, mode: 0o700 })
  const built = await buildSshApp(plan, old.run, join(generations, '1'))
  writeFileSync(join(generations, '1.json'), JSON.stringify(built))
  symlinkSync('.generations/ssh/1', join(disk, 'chroots/ssh'))
  mkdirSync(join(disk, 'var/lib/solocloud'), { recursive: true })
  const settings = { 'solocloud.group': String(plan.group) }
  writeFileSync(join(disk, 'var/lib/solocloud/settings.json'), JSON.stringify(settings))
}

/** The same app as an image, on another port. */
async function pushInChroot(): Promise<void> {
  const changed = (member: Member): Member => {
    if (member.kind !== 'text') return member
    if (member.path === '/image.json') {
      const fields = JSON.parse(member.text) as object
      return { ...member, text: JSON.stringify({ ...fields, isolation: 'chroot' }) }
    }
    const text = member.text.replace(`Port ${PORTS.namespaces}`, `Port ${PORTS.chroot}`)
    return { ...member, text }
  }
  const image = join(scratch, 'ssh-in-chroot.tar')
  const entries = sshAppEntries({ ...plan, members: plan.members.map(changed) })
  await pack(entries, new Date(0), image, () => undefined)
  await cloud('start', fixture.node.manage, image)
}

/** What the person has known before the installation. */
function writeKnownHosts(): void {
  const key = readFileSync(join(old.root, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8')
  const lines = Object.values(PORTS).map((port) => `[127.0.0.1]:${port} ${key}`)
  writeFileSync(join(scratch, 'known_hosts'), lines.join(''))
}

test('the old system is understood', () => {
  expect(plan).toMatchObject({ ports: [PORTS.namespaces], problems: [], warnings: [] })
  expect(
    plan.accounts.map(({ name, shell, administrator }) => [name, shell, administrator]),
  ).toEqual([
    ['root', '/bin/bash', true],
    ['debian', '/bin/bash', true],
    ['guest', '/bin/sh', false],
  ])
})

describe.each(['namespaces', 'chroot'] as const)('in the isolation %s', (isolation) => {
  const port = PORTS[isolation]
  const app = isolation === 'namespaces' ? 'ssh' : 'ssh-in-chroot'
  let client: SshClient
  beforeAll(() => {
    const inNetwork = () => fixture.node.inNetwork
    client = new SshClient({ directory: scratch, inNetwork, port })
  })

  test('it runs, and manages', async () => {
    await expect
      .poll(() => fixture.app(app))
      .toMatchObject({
        ...{ isolation, state: 'running', management: true },
      })
  })

  test.each([
    ['debian', 'key', 'debian 1000'],
    ['guest', 'key', 'guest 1001'],
    ['root', 'root-key', 'root 0'],
  ])('%s gets a shell, and the host key is the old one', async (user, key, expected) => {
    const words = [`${user}@127.0.0.1`, 'echo "$(id -un) $(id -u)"; pwd']
    const { code, stdout, stderr } = await client.run(key, words)
    expect([code, stderr]).toEqual([0, ''])
    const home = { debian: '/home/debian', guest: '/srv/guest', root: '/root' }[user]
    expect(stdout).toBe(`${expected}\n${home}\n`)
  })

  test('a terminal', async () => {
    const words = ['-tt', 'debian@127.0.0.1', 'test -t 0 && echo terminal']
    const { code, stdout } = await client.run('key', words)
    expect([code, stdout.trim()]).toEqual([0, 'terminal'])
  })

  test('files are copied both ways', async () => {
    const there = 'debian@127.0.0.1:copied'
    const [from, to] = [join(scratch, 'known_hosts'), join(scratch, `copied-${isolation}`)]
    expect(await client.run('key', [from, there], 'scp')).toMatchObject({ code: 0, stderr: '' })
    expect(await client.run('key', [there, to], 'scp')).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(to)).toEqual(readFileSync(from))
  })

  test.each([
    ['debian', 'key'],
    ['root', 'root-key'],
  ])('%s manages the node through a forwarded socket', async (user, key) => {
    await using tunnel = await client.tunnel(key, user, `${user}-${isolation}`)
    const status = nodeStatus(await cloudJson('node', `unix:${tunnel.path}`), 'node')
    expect(status.manage).toEqual(['unix:/run/solocloud/manage.sock'])
  })

  test('cloud takes ssh:// and the person’s own ssh does the rest', async () => {
    const [file = '', ...before] = fixture.node.inNetwork
    const path = `PATH=${client.wrapper('key')}:${process.env['PATH'] ?? ''}`
    const words = [...before, 'env', path, CLOUD, 'ps', `ssh://debian@127.0.0.1:${port}`]
    expect(await command(file, words)).toMatch(new RegExp(`^${app} +running`, 'm'))
  })

  test('who was no administrator does not', async () => {
    await using tunnel = await client.tunnel('key', 'guest', `guest-${isolation}`)
    const { code, stdout } = await runCloud(['node', `unix:${tunnel.path}`])
    expect([code === 0, stdout]).toEqual([false, ''])
    const words = ['guest@127.0.0.1', 'ls /run/solocloud']
    expect((await client.run('key', words)).stderr).toContain('Permission denied')
  })

  test('a key that only says something still does, and does no more', async () => {
    const said = await client.run('key', ['root@127.0.0.1', 'echo no'])
    expect(said.code).toBe(142)
    expect(said.stdout).toContain('Please login as the user "debian"')
    await using tunnel = await client.tunnel('key', 'root', `restricted-${isolation}`)
    expect((await runCloud(['node', `unix:${tunnel.path}`])).code).not.toBe(0)
  })

  test.each([
    ['a wrong key', 'debian', 'wrong-key'],
    ["another account's key", 'debian', 'root-key'],
    ['an account that is not there', 'nobody', 'key'],
    ["sshd's own account", 'sshd', 'key'],
  ])('%s is refused, and nothing but keys is asked for', async (_, user, key) => {
    const { code, stderr } = await client.run(key, [`${user}@127.0.0.1`, 'true'])
    expect(code).toBe(255)
    expect(stderr).toContain('Permission denied (publickey).')
  })

  test('it goes on when PID 1 has died, through the same connection', async () => {
    await using tunnel = await client.tunnel('key', 'debian', `lives-${isolation}`)
    const life = async (): Promise<number> => {
      const { code, stdout } = await runCloud(['node', `unix:${tunnel.path}`, '--json'])
      return code === 0 ? nodeStatus(JSON.parse(stdout), 'node').life : 0
    }
    const before = await life()
    expect(before).toBeGreaterThan(0)
    await causeFault({ path: fixture.node.path(FAULTS) }, 'signal:SIGSEGV')
    await vi.waitFor(async () => expect(await life()).toBe(before + 1), { timeout: 30_000 })
  })

  test('what sshd says is no complaint', async () => {
    const { stderr: text } = await runCloud(['logs', fixture.node.manage, app])
    expect(text).toContain(`Server listening on 0.0.0.0 port ${port}.`)
    expect(text).toContain('Accepted publickey for debian from 127.0.0.1')
    const complaints = text
      .split('\n')
      .filter((line) => /error|fatal|fail|warn|unable|could not/i.test(line))
    expect(complaints.filter((line) => !EXPECTED.test(line))).toEqual([])
  })

  test('a stop ends its sessions too', async () => {
    await using tunnel = await client.tunnel('key', 'debian', `stop-${isolation}`)
    expect((await runCloud(['node', `unix:${tunnel.path}`])).code).toBe(0)
    await cloud('stop', fixture.node.manage, app)
    // The other app's sshd runs on.
    const others = isolation === 'namespaces' ? 1 : 0
    await expect.poll(() => fixture.processes(/sshd/).length).toBe(others)
  })
})
