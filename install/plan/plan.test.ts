import { expect, test } from 'vitest'
import type { Installation } from '../../protocol/installation.ts'
import type { Circumstances } from '../look/look.ts'
import {
  CENTOS_7,
  CENTOS_8,
  DEBIAN,
  DEBIAN_BOOT,
  DEBIAN_UEFI,
  look,
  ORDINARY,
  LXC,
  OPENVZ,
  type Tree,
  without,
  XEN_PV,
} from '../recorded-systems.ts'
import type { BackupLook } from '../restore/look-backup.ts'
import type { InstallOptions, InstallPlan, PlannedChange } from './install-plan.ts'
import { planInstall } from './plan.ts'

const OPTIONS: InstallOptions = {
  ...{ method: 'auto', trialMs: 900_000, ssh: true, manage: null, insecure: false },
  ...{ purge: false, keep: [] },
}

interface Case {
  options?: Partial<InstallOptions>
  circumstances?: Partial<Circumstances>
}

const planned = (tree: Tree, { options, circumstances }: Case = {}) =>
  planInstall(look(tree, circumstances), { ...OPTIONS, ...options })

function planOf(tree: Tree, about: Case = {}): InstallPlan {
  const outcome = planned(tree, about)
  if ('plan' in outcome) return outcome.plan
  throw new Error(outcome.refusals.join('\n'))
}

function refusalsOf(tree: Tree, about: Case = {}): readonly string[] {
  const outcome = planned(tree, about)
  return 'refusals' in outcome ? outcome.refusals : []
}

const paths = (changes: readonly PlannedChange[]): string[] => changes.map(({ path }) => path)

function textAt(changes: readonly PlannedChange[], path: string): string {
  const becomes = changes.find((change) => change.path === path)?.becomes
  return becomes?.kind === 'file' ? becomes.text : ''
}

const POWER = ['/sbin/halt', '/sbin/reboot', '/sbin/poweroff']

test('Debian: kexec, GRUB from the confirmation on, and GRUB once where kexec is refused', () => {
  const plan = planOf(DEBIAN)
  expect(plan.firstBoot).toEqual({
    method: 'kexec',
    kernel: {
      image: '/boot/vmlinuz-6.1.0-18-amd64',
      initramfs: '/boot/initrd.img-6.1.0-18-amd64',
      commandLine:
        'root=UUID=1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11 ro console=ttyS0 init=/sbin/solocloud panic=30 solocloud.trial=900',
    },
    once: [],
  })
  expect(plan.fallback?.method).toBe('grub')
  expect(paths(plan.fallback?.once ?? [])).toEqual(['/boot/grub/custom.cfg', '/boot/grub/grubenv'])
  expect(paths(plan.permanent)).toEqual(['/boot/grub/custom.cfg', ...POWER])
  expect(plan.created).toEqual(['/chroots', '/sbin/solocloud', '/var/lib/solocloud'])
  expect(plan.warnings).toEqual([])
})

const entry = (trial = '') => `### BEGIN solocloud
menuentry 'solocloud' --unrestricted --id solocloud {
  load_video
  insmod part_gpt
  insmod ext2
  insmod gzio
  search --no-floppy --fs-uuid --set=root 1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11
  linux /boot/vmlinuz-6.1.0-18-amd64 root=UUID=1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11 ro console=ttyS0 init=/sbin/solocloud panic=30${trial}
  initrd /boot/initrd.img-6.1.0-18-amd64
}
`

test("GRUB's files, which grub-script-check of GRUB 2.06 took", () => {
  const { firstBoot, permanent, fallback } = planOf(DEBIAN, { options: { method: 'grub' } })
  expect(textAt(firstBoot.once, '/boot/grub/custom.cfg')).toBe(
    `${entry(' solocloud.trial=900')}### END solocloud\n`,
  )
  expect(textAt(firstBoot.once, '/boot/grub/grubenv')).toBe(
    '# GRUB Environment Block\nnext_entry=solocloud\n'.padEnd(1024, '#'),
  )
  expect(textAt(permanent, '/boot/grub/custom.cfg')).toBe(
    `${entry()}if [ -z "\${boot_once}" ]; then\n  set default=solocloud\nfi\n### END solocloud\n`,
  )
  expect(fallback).toBeNull()
})

test('what was in custom.cfg stays, and words that mean something to GRUB are quoted', () => {
  const { permanent } = planOf({
    ...DEBIAN,
    '/boot/grub/custom.cfg': 'set color_normal=white/\xfc',
    '/proc/cmdline': `BOOT_IMAGE=/x root=UUID=1 dyndbg="file a.c +p; x" weird=$a'b{#\n`,
  })
  const text = textAt(permanent, '/boot/grub/custom.cfg')
  expect(text).toContain('set color_normal=white/\xfc\n### BEGIN solocloud\n')
  expect(text).toContain(
    ` root=UUID=1 'dyndbg=file a.c +p; x' 'weird=$a'\\''b{#' init=/sbin/solocloud panic=30\n`,
  )
})

test('paths are those of the file system of /boot: its own, or a subvolume', () => {
  const custom = (tree: Tree): string => textAt(planOf(tree).permanent, '/boot/grub/custom.cfg')
  expect(custom(DEBIAN_BOOT)).toContain('\n  initrd /initrd.img-6.1.0-18-amd64\n')
  const mounts = '26 1 0:25 /@rootfs / rw - btrfs /dev/vda1 rw,subvol=/@rootfs\n'
  expect(custom({ ...DEBIAN, '/proc/self/mountinfo': mounts })).toContain(
    '\n  initrd /@rootfs/boot/initrd.img-6.1.0-18-amd64\n',
  )
})

test('UEFI is the same, and CentOS has commands and places of its own', () => {
  expect(planOf(DEBIAN_UEFI).permanent).toEqual(planOf(DEBIAN).permanent)
  const plan = planOf(CENTOS_7)
  expect(plan.firstBoot.method).toBe('grub')
  const custom = textAt(plan.permanent, '/boot/efi/EFI/centos/custom.cfg')
  expect(custom).toContain(
    '\n  linuxefi /vmlinuz-3.10.0-1160.el7.x86_64 root=/dev/mapper/centos-root ',
  )
  expect(custom).toMatch(/^ {2}linuxefi .* selinux=0 init=\/sbin\/solocloud panic=30$/m)
  expect(custom).toContain('\n  initrdefi /initramfs-3.10.0-1160.el7.x86_64.img\n')
  expect(textAt(plan.firstBoot.once, '/boot/efi/EFI/centos/grubenv')).toContain(
    'saved_entry=CentOS Linux\nnext_entry=solocloud\n#',
  )
  expect(plan.warnings).toEqual([expect.stringContaining('SELinux is enforcing')])
  const eight = planOf(CENTOS_8)
  expect(eight.firstBoot.method).toBe('kexec')
  expect(textAt(eight.permanent, '/boot/grub2/custom.cfg')).toContain('\n  linux /vmlinuz-4.18.0-')
})

test('Xen PV: menus that GrubConf.py of Xen 4.17 read as these entries', () => {
  const plan = planOf(XEN_PV)
  expect(plan.firstBoot.method).toBe('pygrub')
  expect(plan.permanent.slice(0, 2)).toEqual(plan.firstBoot.once)
  expect(paths(plan.permanent).slice(2)).toEqual(POWER)
  expect(textAt(plan.permanent, '/boot/grub/menu.lst'))
    .toBe(`# Written by solocloud install; \`cloud node uninstall\` brings back what was here.
default 0
timeout 3

title solocloud
root (hd0)
kernel /boot/vmlinuz-6.1.0-18-amd64 root=/dev/xvda1 ro init=/sbin/solocloud panic=30
initrd /boot/initrd.img-6.1.0-18-amd64

title Debian GNU/Linux 12 (bookworm)
root (hd0)
kernel /boot/vmlinuz-6.1.0-18-amd64 root=/dev/xvda1 ro
initrd /boot/initrd.img-6.1.0-18-amd64
`)
  expect(textAt(plan.permanent, '/boot/grub/grub.cfg'))
    .toBe(`# Written by solocloud install; \`cloud node uninstall\` brings back what was here.
set default="0"
set timeout=5

menuentry 'solocloud' --id solocloud {
  search --no-floppy --fs-uuid --set=root 1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11
  linux /boot/vmlinuz-6.1.0-18-amd64 root=/dev/xvda1 ro init=/sbin/solocloud panic=30
  initrd /boot/initrd.img-6.1.0-18-amd64
}

menuentry 'Debian GNU/Linux 12 (bookworm)' --id old-system {
  search --no-floppy --fs-uuid --set=root 1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11
  linux /boot/vmlinuz-6.1.0-18-amd64 root=/dev/xvda1 ro
  initrd /boot/initrd.img-6.1.0-18-amd64
}
`)
  expect(plan.warnings).toEqual([expect.stringContaining('no entry for one boot')])
})

test('LXC starts /sbin/init too, and who knows that can say so', () => {
  const plan = planOf(LXC, { options: { method: 'openvz' } })
  expect(paths(plan.permanent)).toEqual(['/sbin/init', ...POWER])
  expect(plan.warnings[0]).toContain('This is no OpenVZ container')
})

test('PyGrub elsewhere is for who knows better', () => {
  const plan = planOf(DEBIAN, { options: { method: 'pygrub' } })
  expect(paths(plan.firstBoot.once)).toEqual(['/boot/grub/menu.lst', '/boot/grub/grub.cfg'])
  expect(plan.warnings[0]).toContain('This is no Xen guest')
})

test('OpenVZ: the links, and nothing to boot', () => {
  const plan = planOf(OPENVZ)
  const init = { path: '/sbin/init', becomes: { kind: 'link', target: 'solocloud' } }
  expect(plan.firstBoot).toMatchObject({ method: 'openvz', kernel: null, once: [init] })
  expect(paths(plan.permanent)).toEqual(['/sbin/init', ...POWER])
})

test('settings', () => {
  const options = {
    manage: '0.0.0.0:5678',
    insecure: true,
    ssh: false,
    keep: ['/srv'],
    purge: true,
  }
  const plan = planOf(DEBIAN, { options, circumstances: { ssh: null } })
  expect(plan.settings).toEqual({
    'solocloud.manage': '0.0.0.0:5678',
    'solocloud.insecure': 'yes',
    'solocloud.network': JSON.stringify(ORDINARY.network.plan),
    'solocloud.hostname': 'vps1',
  })
  expect(plan.warnings.join('\n')).toMatch(/owns the node[^]*no ssh[^]*no way back/)
})

test('a file that is in place already is not removed by going back', () => {
  const { created } = planOf(DEBIAN, { circumstances: { isInPlace: true } })
  expect(created).toEqual(['/chroots', '/var/lib/solocloud'])
})

const earlier = (state: Installation['state']): Installation => ({
  ...{ version: 1, method: 'kexec', state, installedAt: '2026-01-02T03:04:05Z' },
  ...{ file: '/sbin/solocloud', trialMs: 1, once: [], permanent: [], created: [] },
  purge: { onConfirm: false, keep: [] },
})

test('an earlier try makes room, an earlier node does not', () => {
  expect(planOf(DEBIAN, { circumstances: { earlier: earlier('trial') } }).warnings).toEqual([
    expect.stringContaining('removed first'),
  ])
  expect(refusalsOf(DEBIAN, { circumstances: { earlier: earlier('confirmed') } })).toEqual([
    expect.stringContaining('is a node (confirmed)'),
  ])
})

const withText = (path: string, change: (text: string) => string): Tree => ({
  ...DEBIAN,
  [path]: change(DEBIAN[path] as string),
})

const REFUSALS: readonly [string, string, Tree, Case?][] = [
  ['not root', 'run it again with sudo', DEBIAN, { circumstances: { userId: 1000 } }],
  ['ARM', 'this machine is arm64', DEBIAN, { circumstances: { architecture: 'arm64' } }],
  ['CentOS 6', 'too old', { ...DEBIAN, '/proc/sys/kernel/osrelease': '2.6.32-754.el6\n' }],
  ['a full disk', '10.0 MiB are free', DEBIAN, { circumstances: { freeBytes: () => 10_485_760 } }],
  [
    'little memory',
    '62.5 MiB of memory are too',
    { ...DEBIAN, '/proc/meminfo': 'MemTotal: 64000 kB' },
  ],
  [
    'a live system',
    'is overlay',
    withText('/proc/self/mountinfo', (text) => text.replace('ext4', 'overlay')),
  ],
  ['another /chroots', 'here already: /chroots.', { ...DEBIAN, '/chroots/x': '' }],
  ['no way in', 'add --manage ADDR --insecure', DEBIAN, { options: { ssh: false } }],
  ['an open door', 'add --insecure', DEBIAN, { options: { manage: '0.0.0.0:1' } }],
  ['LXC', 'an LXC container', LXC],
  ['a Xen host', 'dom0', { ...DEBIAN, '/proc/xen/capabilities': 'control_d' }],
  ['no boot loader', 'the kernel is chosen by the host', without(DEBIAN, /boot\/grub/)],
  ['a kernel that was upgraded', 'reboot first', without(DEBIAN, /vmlinuz/)],
  ['a direct kernel boot', '--method kexec', withText('/proc/cmdline', (text) => text.slice(40))],
  [
    'a menu without custom.cfg',
    'run update-grub',
    withText('/boot/grub/grub.cfg', (text) => text.replaceAll('custom.cfg', 'other.cfg')),
  ],
  [
    'GRUB once on btrfs',
    "GRUB can't write /boot/grub/grubenv: it is on btrfs. Use --method kexec.",
    withText('/proc/self/mountinfo', (text) => text.replace('ext4', 'btrfs')),
    { options: { method: 'grub' } },
  ],
  ['kexec on Xen', 'Use --method pygrub.', XEN_PV, { options: { method: 'kexec' } }],
  [
    'PyGrub without a menu',
    'no menu on this disk that a host could read. Nor is any other.',
    without(DEBIAN, /boot\/grub/),
    { options: { method: 'pygrub' } },
  ],
  [
    'OpenVZ on KVM',
    'this is not a container. Use --method kexec or grub.',
    DEBIAN,
    { options: { method: 'openvz' } },
  ],
]
const broken = {
  network: { ...ORDINARY.network, problems: ['no interface has an address'] },
  ssh: ORDINARY.ssh === null ? null : { ...ORDINARY.ssh, problems: ['no sshd runs', 'no keys'] },
}

test('what is found by other means: problems of the network and of sshd, and their warnings', () => {
  expect(refusalsOf(DEBIAN, { circumstances: broken })).toEqual([
    "The network can't be taken along: no interface has an address.",
    "The sshd of this system can't be taken along: no sshd runs; no keys.",
  ])
  const network = { ...ORDINARY.network, warnings: ['eth1 is down now, and is left out'] }
  expect(planOf(DEBIAN, { circumstances: { network } }).warnings).toEqual([
    'eth1 is down now, and is left out.',
  ])
})

const backup: BackupLook = {
  ...{ path: '/root/node.tar', bytes: 30_000_000, hasSsh: true },
  head: {
    ...{ version: 1, createdAt: '2026-01-02T03:04:05.000Z', apps: [] },
    node: { version: '0.1.0', hostname: 'lost', architecture: 'amd64' },
  },
  settings: { 'solocloud.hostname': 'lost', 'solocloud.group': '777' },
}

test('a backup brings its settings and its way in, and the machine keeps its network', () => {
  const circumstances = { ssh: null, backup }
  const plan = planOf(DEBIAN, { options: { ssh: false }, circumstances })
  expect(plan.settings).toEqual({
    'solocloud.hostname': 'lost',
    'solocloud.group': '777',
    'solocloud.network': JSON.stringify(ORDINARY.network.plan),
  })
  expect(plan.warnings).toEqual([expect.stringContaining("is the backed-up node's")])
  const node = { ...backup.head.node, architecture: 'arm64' }
  const arm = { ...backup, hasSsh: false, head: { ...backup.head, node } }
  expect(
    refusalsOf(DEBIAN, { options: { ssh: false }, circumstances: { ssh: null, backup: arm } }),
  ).toEqual([
    expect.stringContaining('The backup is of a node on arm64'),
    expect.stringContaining('With --no-ssh nobody'),
  ])
})

test.each(REFUSALS)('refused: %s', (_, sentence, tree, about = {}) => {
  expect(refusalsOf(tree, about).join('\n')).toContain(sentence)
})

test('a doubt about the boot loader does not outweigh a method that was asked for', () => {
  const direct = withText('/proc/cmdline', (text) => text.slice(40))
  const plan = planOf(direct, { options: { method: 'kexec' } })
  expect(plan.warnings).toEqual([expect.stringContaining('Nothing shows that GRUB')])
  expect(plan.fallback).toBeNull()
})

test('little free memory rules kexec out, and lockdown makes it doubtful', () => {
  const little = { ...DEBIAN, '/proc/meminfo': 'MemTotal: 237000 kB\nMemAvailable: 40000 kB\n' }
  expect(planOf(little).firstBoot.method).toBe('grub')
  const locked = { ...DEBIAN, '/sys/kernel/security/lockdown': 'none [integrity] x\n' }
  expect(planOf(locked).warnings).toEqual([expect.stringContaining('then GRUB boots the node')])
})
