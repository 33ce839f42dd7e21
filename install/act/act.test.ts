import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeBack } from '../../installation/changes.ts'
import { readInstallation } from '../../installation/record.ts'
import type { Installation, InstallMethod } from '../../protocol/installation.ts'
import { parseManifest } from '../../protocol/manifest.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import type { InstallOptions, InstallPlan } from '../plan/install-plan.ts'
import { planInstall } from '../plan/plan.ts'
import type { Circumstances } from '../look/look.ts'
import { CENTOS_8, DEBIAN, look, OPENVZ, type Tree, without, XEN_PV } from '../recorded-systems.ts'
import type { BackupLook } from '../restore/look-backup.ts'
import type { Ran } from '../ssh-app/ssh-app-plan.ts'
import { act, type Acting } from './act.ts'

let root: string
/** What was run, told, loaded, in turns. */
let events: string[]
let loadResult: number
let runs: Record<string, Partial<Ran>>
let interruptedAfter: string

const at = (path: string): string => join(root, path)
const read = (path: string): string => readFileSync(at(path), 'latin1')
const RECORDS = '/var/lib/solocloud/installation'
const record = (): Installation | null => readInstallation(at(RECORDS))

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'act-'))
  events = []
  loadResult = 0
  runs = {}
  interruptedAfter = 'never'
  for (const path of ['/sbin', '/var/lib', '/boot/grub', '/boot/grub2', '/sys/kernel'])
    mkdirSync(at(path), { recursive: true })
  put('/self', 'the file itself')
  put('/sys/kernel/kexec_loaded', '1\n')
  symlinkSync('/lib/systemd/systemd', at('/sbin/init'))
  symlinkSync('/bin/systemctl', at('/sbin/reboot'))
})
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text, 'latin1')
}

/** The disk of `tree`, as far as it may change. */
function putBoot(tree: Tree): void {
  for (const [path, content] of Object.entries(tree))
    if (path.startsWith('/boot/')) put(path, typeof content === 'string' ? content : '')
}

function planFor(
  tree: Tree,
  options: Partial<InstallOptions> = {},
  about: Partial<Circumstances> = {},
): InstallPlan {
  putBoot(tree)
  const planned = planInstall(look(tree, about), {
    ...{ method: 'auto', trialMs: 900_000, ssh: true, manage: null, insecure: false },
    ...{ purge: false, keep: [] },
    ...options,
  })
  if ('plan' in planned) return planned.plan
  throw new Error(planned.refusals.join('\n'))
}

function acting(): Acting {
  return {
    root,
    self: at('/self'),
    native: fakeNative({
      syncfs: () => 0,
      kexecFileLoad: (kernel, initrd, words) => {
        const isOpen = [kernel, initrd].every((fd) => existsSync(`/proc/self/fd/${fd}`))
        events.push(`load ${words}${isOpen ? '' : ' of nothing'}`)
        return loadResult
      },
      kexecUnload: () => events.push('unload') && 0,
    }),
    run: (file, words) => {
      const line = [file, ...words].join(' ').replaceAll(root, '')
      events.push(line)
      return { status: 0, stdout: '', stderr: '', ...runs[line.split(' ', 2).join(' ')] }
    },
    buildSsh: (_, __, target) => {
      if (interruptedAfter === 'build fails') throw new Error('sshd lacks a library')
      mkdirSync(target)
      const image = { Entrypoint: ['/sbin/sshd'] }
      const manifest = parseManifest(
        Buffer.from(JSON.stringify({ name: 'ssh', architecture: 'amd64', config: image })),
      )
      return Promise.resolve({ manifest, digest: `sha256:${'ab'.repeat(32)}` })
    },
    now: () => new Date('2026-01-02T03:04:05Z'),
    tell: (line) => void events.push(`> ${line}`),
    isInterrupted: () => events.some((event) => event.includes(interruptedAfter)),
  }
}

const ran = (): string[] => events.filter((event) => !event.startsWith('>'))

/** Every path below the root, with what it holds. */
function snapshot(directory = ''): string[] {
  return readdirSync(at(directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) return [path, ...snapshot(path)]
    return `${path} ${entry.isSymbolicLink() ? readlinkSync(at(path)) : read(path)}`
  })
}

const CMDLINE =
  'root=UUID=1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11 ro console=ttyS0 init=/sbin/solocloud panic=30 solocloud.trial=900'

test('kexec: the node is there, nothing that the old system boots from has changed, and down it goes', async () => {
  const plan = planFor(DEBIAN, { purge: true, keep: ['/srv'] })
  const boot = snapshot('/boot')
  await act(plan, acting())
  expect(ran()).toEqual([`load ${CMDLINE}`, 'systemctl kexec'])
  expect(snapshot('/boot')).toEqual(boot)
  expect(read('/sbin/solocloud')).toBe('the file itself')
  expect(statSync(at('/sbin/solocloud')).mode & 0o7777).toBe(0o755)
  expect(readlinkSync(at('/chroots/ssh'))).toBe('.generations/ssh/1')
  expect(statSync(at('/chroots')).mode & 0o7777).toBe(0o700)
  expect(JSON.parse(read('/chroots/.generations/ssh/1.json'))).toMatchObject({
    digest: `sha256:${'ab'.repeat(32)}`,
    manifest: { name: 'ssh' },
  })
  const settings = JSON.parse(read('/var/lib/solocloud/settings.json')) as Record<string, string>
  expect(settings).toMatchObject({ 'solocloud.hostname': 'vps1', 'solocloud.group': '999' })
  expect(JSON.parse(settings['solocloud.network'] ?? '')).toEqual(plan.system.network.plan)
  expect(record()).toMatchObject({
    ...{ method: 'kexec', state: 'trial', trialMs: 900_000, once: [], file: '/sbin/solocloud' },
    installedAt: '2026-01-02T03:04:05.000Z',
    created: ['/chroots', '/sbin/solocloud', '/var/lib/solocloud'],
    purge: { onConfirm: true, keep: ['/srv'] },
  })
  expect(record()?.permanent.map(({ path, before }) => [path, before.kind])).toEqual([
    [at('/boot/grub/custom.cfg'), 'absent'],
    [at('/sbin/halt'), 'absent'],
    [at('/sbin/reboot'), 'link'],
    [at('/sbin/poweroff'), 'absent'],
  ])
  expect(events.slice(-6)).toEqual([
    '> ',
    '> This system goes down now, and the node starts.',
    '>   ssh root@2001:db8::5',
    '>   cloud confirm ssh://root@[2001:db8::5]',
    '> Without that within 15m the old system comes back.',
    'systemctl kexec',
  ])
})

test('GRUB once: the entry and the choice, both of which can be taken back', async () => {
  put('/boot/grub/custom.cfg', '# mine\n')
  await act(
    planFor({ ...DEBIAN, '/boot/grub/custom.cfg': '# mine\n' }, { method: 'grub' }),
    acting(),
  )
  expect(ran()).toEqual(['systemctl reboot'])
  expect(read('/boot/grub/custom.cfg')).toMatch(/^# mine\n### BEGIN solocloud\nmenuentry /)
  expect(read('/boot/grub/grubenv')).toContain('\nnext_entry=solocloud\n')
  takeBack(at(RECORDS), record()?.once ?? [])
  expect(read('/boot/grub/custom.cfg')).toBe('# mine\n')
  expect(read('/boot/grub/grubenv')).toBe(DEBIAN['/boot/grub/grubenv'])
})

test('kexec refused: GRUB once instead, and the record says so', async () => {
  loadResult = -1
  await act(planFor(DEBIAN), acting())
  expect(ran()).toEqual([`load ${CMDLINE}`, 'systemctl reboot'])
  expect(record()?.method).toBe('grub')
  expect(read('/boot/grub/grubenv')).toContain('next_entry=solocloud')
  expect(events.join('\n')).toContain('> kexec is refused (kexec_file_load: EPERM)')
})

test('kexec-tools where our own call is refused', async () => {
  loadResult = -38
  await act(planFor(CENTOS_8), acting())
  const load = `/sbin/kexec -l /boot/vmlinuz-4.18.0-348.el8.x86_64 --initrd=/boot/initramfs-4.18.0-348.el8.x86_64.img --command-line=root=/dev/mapper/cl-root ro rd.lvm.lv=cl/root selinux=0 init=/sbin/solocloud panic=30 solocloud.trial=900`
  expect(ran().slice(1)).toEqual([load, 'systemctl kexec'])
  expect(record()?.method).toBe('kexec')
})

const METHODS: readonly [InstallMethod, Tree, string, string[]][] = [
  ['pygrub', XEN_PV, '/boot/grub/grub.cfg', ['systemctl reboot']],
  ['grub', without(DEBIAN, /systemd/), '/boot/grub/grubenv', ['shutdown -r now']],
]
test.each(METHODS)('%s: how the machine reboots', async (method, tree, path, expected) => {
  await act(planFor(tree), acting())
  expect([record()?.method, ran(), read(path).includes('solocloud')]).toEqual([
    method,
    expected,
    true,
  ])
})

test('OpenVZ: /sbin/init is the node, and without systemd the host restarts the container', async () => {
  await act(planFor(OPENVZ), acting())
  expect([readlinkSync(at('/sbin/init')), ran()]).toEqual(['solocloud', ['systemctl reboot']])
  takeBack(at(RECORDS), record()?.once ?? [])
  expect(readlinkSync(at('/sbin/init'))).toBe('/lib/systemd/systemd')
  rmSync(at('/chroots'), { recursive: true })
  events = []
  await act(planFor(without(OPENVZ, /systemd/)), acting())
  expect([readlinkSync(at('/sbin/init')), ran()]).toEqual(['solocloud', []])
  expect(events.join('\n')).toContain('now restart the container from its host')
})

const FAILURES: readonly [string, () => void, string, string[]][] = [
  ['no library', () => (interruptedAfter = 'build fails'), 'sshd lacks a library. Everything', []],
  [
    'the kernel refuses, and GRUB was not to be asked',
    () => (loadResult = -1),
    'kexec is refused: kexec_file_load: EPERM. Everything was taken back',
    [`load ${CMDLINE}`],
  ],
  [
    'no kernel waits after all',
    () => put('/sys/kernel/kexec_loaded', '0\n'),
    'kexec_loaded is 0 after it',
    [`load ${CMDLINE}`],
  ],
  [
    'systemd does not go down',
    () => (runs = { 'systemctl kexec': { status: 1, stderr: 'Access denied\n' } }),
    '`systemctl kexec` failed: Access denied. Everything was taken back',
    [`load ${CMDLINE}`, 'systemctl kexec', 'unload'],
  ],
  ['Ctrl-C early', () => (interruptedAfter = 'Copying'), 'Interrupted. Everything', []],
  [
    'Ctrl-C late',
    () => (interruptedAfter = 'load root='),
    'Interrupted. Everything was taken back',
    [`load ${CMDLINE}`, 'unload'],
  ],
  ['a full disk', () => rmSync(at('/self')), 'ENOENT', []],
]
test.each(FAILURES)('%s: everything is as it was', async (_, fail, sentence, expected) => {
  const plan = planFor(DEBIAN, { method: 'kexec' })
  fail()
  const before = snapshot()
  await expect(act(plan, acting())).rejects.toThrow(sentence)
  expect(ran()).toEqual(expected)
  expect(snapshot()).toEqual(before)
})

test('what made the node boot is taken back too', async () => {
  const plan = planFor(DEBIAN, { method: 'grub' })
  runs = { 'systemctl reboot': { status: null } }
  const before = snapshot()
  await expect(act(plan, acting())).rejects.toThrow('it ended with a signal. Everything')
  expect(snapshot()).toEqual(before)
})

test('an earlier try is removed, but not what somebody has changed since', async () => {
  await act(planFor(DEBIAN, { method: 'grub' }), acting())
  put('/chroots/.generations/pushed/1/file', 'x')
  put(
    '/boot/grub/grubenv',
    read('/boot/grub/grubenv').replace('next_entry=solocloud', 'next_entry='),
  )
  const earlier = record()
  const now: Tree = { ...DEBIAN, '/boot/grub/grubenv': read('/boot/grub/grubenv') }
  await act(planFor(now, {}, { earlier }), acting())
  expect(existsSync(at('/boot/grub/custom.cfg'))).toBe(false)
  expect(existsSync(at('/chroots/.generations/pushed'))).toBe(false)
  expect(read('/boot/grub/grubenv')).toContain('next_entry=\n')
  expect(record()?.method).toBe('kexec')
})

test('after a power cut in the middle the next try finds what to remove', async () => {
  const plan = planFor(DEBIAN)
  const interrupted = { ...acting(), buildSsh: () => new Promise<never>(() => undefined) }
  void act(plan, interrupted)
  while (!events.some((event) => event.includes('Making the app'))) await nextTurn()
  const earlier = record()
  expect(earlier).toMatchObject({ state: 'trial', once: [], created: plan.created })
  await act(planFor(DEBIAN, {}, { earlier }), acting())
  expect(read('/sbin/solocloud')).toBe('the file itself')
})

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a backup that is not whole: nothing of it stays', async () => {
  put('/root/node.tar', 'x'.repeat(2000))
  const backup: BackupLook = {
    ...{ path: at('/root/node.tar'), bytes: 2000, settings: {}, hasSsh: true },
    head: {
      ...{ version: 1, createdAt: '2026-01-02T03:04:05.000Z', apps: [] },
      node: { version: '0.1.0', hostname: 'lost', architecture: 'amd64' },
    },
  }
  const plan = planFor(DEBIAN, {}, { ssh: null, backup })
  const before = snapshot()
  await expect(act(plan, acting())).rejects.toThrow("node.tar can't be restored: this is not")
  expect(snapshot()).toEqual(before)
})

test('without ssh there is none', async () => {
  const manage = '0.0.0.0:5678'
  await act(planFor(DEBIAN, { ssh: false, manage, insecure: true }, { ssh: null }), acting())
  expect(readdirSync(at('/chroots'))).toEqual([])
  expect(JSON.parse(read('/var/lib/solocloud/settings.json'))).toMatchObject({
    'solocloud.manage': manage,
    'solocloud.insecure': 'yes',
  })
  expect(events).toContain('>   cloud confirm [2001:db8::5]:5678')
})
