import { expect, test } from 'vitest'
import type { Installation } from '../../protocol/installation.ts'
import {
  CENTOS_7,
  CENTOS_8,
  DEBIAN,
  DEBIAN_BOOT,
  DEBIAN_UEFI,
  look,
  LXC,
  OPENVZ,
  type Tree,
  without,
  XEN_PV,
} from '../recorded-systems.ts'

test('Debian on one partition, with GRUB on BIOS', () => {
  const system = look(DEBIAN)
  expect(system).toMatchObject({
    distribution: 'Debian GNU/Linux 12 (bookworm)',
    virtualisation: 'KVM',
    init: 'systemd',
    isNode: false,
    isBootedByLoader: true,
    memoryBytes: 237_000 * 1024,
    availableBytes: 181_764 * 1024,
    selinux: 'absent',
    secureBoot: false,
    kexec: { problem: null, doubt: null, tools: null },
    root: { target: '/', fstype: 'ext4', device: 'vda1', storage: 'plain', root: '/' },
    kernel: {
      release: '6.1.0-18-amd64',
      files: {
        image: '/boot/vmlinuz-6.1.0-18-amd64',
        initramfs: '/boot/initrd.img-6.1.0-18-amd64',
        bytes: 38 * 1024 * 1024,
      },
      initramfsMaker: 'initramfs-tools',
      hasModules: true,
    },
  })
  expect(system.boot).toEqual(system.root)
  expect(system.fstab).toEqual([
    { source: '/swapfile', target: 'none', fstype: 'swap' },
    { source: '/dev/vdb1', target: '/data', fstype: 'ext4' },
  ])
  expect(system.bootLoader).toMatchObject({
    kind: 'GRUB',
    firmware: 'BIOS',
    config: '/boot/grub/grub.cfg',
    customConfig: '/boot/grub/custom.cfg',
    customText: '',
    environment: '/boot/grub/grubenv',
    readsCustom: true,
    takesNextEntry: true,
    commands: { linux: 'linux', initrd: 'initrd' },
    modules: ['part_gpt', 'ext2', 'gzio'],
    loadsVideo: true,
    environmentProblem: null,
  })
})

test("on UEFI, Debian's stub leads to the menu in /boot", () => {
  expect(look(DEBIAN_UEFI)).toMatchObject({
    bootLoader: { firmware: 'UEFI', config: '/boot/grub/grub.cfg' },
    secureBoot: true,
  })
})

test('a root on LVM with a /boot of its own', () => {
  expect(look(DEBIAN_BOOT)).toMatchObject({
    root: { device: 'dm-0', storage: 'lvm', uuid: null },
    boot: { target: '/boot', fstype: 'ext2', device: 'vda1', storage: 'plain' },
    bootLoader: { environmentProblem: null },
  })
  const onLvm = {
    ...DEBIAN_BOOT,
    '/proc/self/mountinfo': '26 1 253:0 / / rw - ext4 /dev/dm-0 rw\n',
  }
  expect(look(onLvm).bootLoader).toMatchObject({ environmentProblem: 'it is on LVM' })
})

test("CentOS 7 on UEFI: the menu is on the EFI system partition, and so is GRUB's environment", () => {
  expect(look(CENTOS_7)).toMatchObject({
    selinux: 'enforcing',
    kernel: { initramfsMaker: 'dracut' },
    kexec: { problem: 'systemd of an old version needs kexec-tools for it' },
    bootLoader: {
      firmware: 'UEFI',
      config: '/boot/efi/EFI/centos/grub.cfg',
      customConfig: '/boot/efi/EFI/centos/custom.cfg',
      environment: '/boot/efi/EFI/centos/grubenv',
      commands: { linux: 'linuxefi', initrd: 'initrdefi' },
      modules: ['gzio', 'part_gpt', 'xfs'],
    },
  })
})

test('SELinux that only its file has switched off is there', () => {
  const disabled = { ...DEBIAN, '/etc/selinux/config': 'SELINUX=disabled\n' }
  expect(look(disabled)).toMatchObject({ selinux: 'disabled' })
})

test('CentOS 8 has its entries elsewhere, and kexec-tools', () => {
  expect(look(CENTOS_8)).toMatchObject({
    kexec: { problem: null, tools: '/sbin/kexec' },
    bootLoader: {
      config: '/boot/grub2/grub.cfg',
      environment: '/boot/grub2/grubenv',
      readsCustom: true,
      takesNextEntry: true,
      commands: { linux: 'linux', initrd: 'initrd' },
      modules: ['part_msdos', 'xfs'],
    },
  })
})

test('a Xen PV guest, whose host reads the menu', () => {
  expect(look(XEN_PV)).toMatchObject({
    virtualisation: 'Xen PV',
    isBootedByLoader: false,
    kexec: { problem: "a Xen guest's memory and devices are its host's" },
    bootLoader: {
      kind: 'PyGrub',
      menu: { path: '/boot/grub/menu.lst' },
      config: { path: '/boot/grub/grub.cfg', text: null },
    },
  })
  const grub2 = {
    ...without(XEN_PV, /menu\.lst/),
    '/boot/grub2/grub.cfg': 'set default="0"\n',
  }
  expect(look(grub2).bootLoader).toMatchObject({
    menu: null,
    config: { path: '/boot/grub2/grub.cfg', text: 'set default="0"\n' },
  })
  expect(look(without(XEN_PV, /menu\.lst/)).bootLoader).toEqual({ kind: 'none' })
})

const VIRTUALISATIONS: readonly [string, Tree, string][] = [
  ['an OpenVZ container', OPENVZ, 'OpenVZ'],
  ['the host of such', { ...DEBIAN, '/proc/vz': null, '/proc/bc': null }, 'KVM'],
  ['an OpenVZ container by its number', { '/proc/self/status': 'envID:\t7\n' }, 'OpenVZ'],
  ['LXC by the environment of pid 1', LXC, 'LXC'],
  ['LXC by systemd', { ...DEBIAN, '/run/systemd/container': 'lxc-libvirt\n' }, 'LXC'],
  ['Docker', { ...DEBIAN, '/.dockerenv': '' }, 'a container'],
  ['a pid namespace', { '/proc/self/ns/pid': { link: 'pid:[4026532000]' } }, 'a container'],
  ['no hypervisor', { ...DEBIAN, '/proc/cpuinfo': 'flags : fpu\n' }, 'bare metal'],
  ['an unknown one', without(DEBIAN, /dmi/), 'a virtual machine'],
  ['VMware', { ...DEBIAN, '/sys/class/dmi/id/sys_vendor': 'VMware, Inc.\n' }, 'VMware'],
  ['Xen HVM', { ...DEBIAN, '/sys/hypervisor/type': 'xen\n' }, 'Xen HVM'],
  ['Xen PV before Linux 4.13', without(XEN_PV, /guest_type/), 'Xen PV'],
  ['a Xen host', { ...XEN_PV, '/proc/xen/capabilities': 'control_d\n' }, 'a Xen host'],
]
test.each(VIRTUALISATIONS)('%s', (_, tree, expected) => {
  expect(look(tree).virtualisation).toBe(expected)
})

const KEXECS: readonly [string, Tree, object][] = [
  [
    'a kernel without it',
    without(DEBIAN, /kexec_loaded/),
    { problem: 'this kernel is built without kexec' },
  ],
  [
    'the sysctl',
    { ...DEBIAN, '/proc/sys/kernel/kexec_load_disabled': '1\n' },
    { problem: 'kernel.kexec_load_disabled is set' },
  ],
  ['another init', without(DEBIAN, /systemd/), { problem: 'systemd is not running' }],
  [
    'an older systemd alone',
    { ...without(DEBIAN, /libsystemd/), '/lib/systemd/libsystemd-shared-241.so': 1 },
    { problem: 'systemd 241 needs kexec-tools for it' },
  ],
  [
    'disks that dracut takes down',
    { ...DEBIAN, '/run/initramfs/.need_shutdown': '' },
    { problem: 'dracut needs kexec-tools to take these disks down' },
  ],
  [
    'only the older call, without the program',
    { ...DEBIAN, '/boot/config-6.1.0-18-amd64': '\n# CONFIG_KEXEC_FILE is not set\n' },
    { problem: 'this kernel lacks kexec_file_load, and kexec-tools are not installed' },
  ],
  [
    'only the older call, with it',
    { ...DEBIAN, '/boot/config-6.1.0-18-amd64': '\nCONFIG_KEXEC=y\n', '/sbin/kexec': '' },
    { problem: null, doubt: 'this kernel lacks kexec_file_load', tools: '/sbin/kexec' },
  ],
  [
    'lockdown',
    { ...DEBIAN, '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' },
    { problem: null, doubt: 'the kernel is locked down (integrity)' },
  ],
]
test.each(KEXECS)('kexec and %s', (_, tree, expected) => {
  expect(look(tree).kexec).toMatchObject(expected)
})

test('a kernel whose files are gone, and other boot loaders', () => {
  expect(look(without(DEBIAN, /initrd\.img/)).kernel.files).toBeNull()
  const without2 = without(DEBIAN, /grub/)
  expect(look({ ...without2, '/boot/extlinux/extlinux.conf': '' }).bootLoader.kind).toBe('extlinux')
  expect(look({ ...without2, '/boot/loader/loader.conf': '' }).bootLoader.kind).toBe('systemd-boot')
  expect(look(without2).bootLoader.kind).toBe('none')
  const stale = { ...without2, '/boot/grub/grub.cfg': '# empty\n' }
  expect(look(stale).bootLoader.kind).toBe('none')
})

test('btrfs has no device number of a disk: what was mounted tells', () => {
  const tree: Tree = {
    ...DEBIAN,
    '/proc/self/mountinfo': '26 1 0:25 /@rootfs / rw - btrfs /dev/vda1 rw,subvol=/@rootfs\n',
  }
  expect(look(tree)).toMatchObject({
    root: { fstype: 'btrfs', root: '/@rootfs', device: 'vda1', storage: 'plain' },
    bootLoader: { environmentProblem: 'it is on btrfs' },
  })
})

test('what an earlier try has made is not in the way, and what nobody has made is', () => {
  const tree: Tree = {
    ...DEBIAN,
    '/chroots/ssh': null,
    '/var/lib/solocloud': null,
    '/sbin/solocloud': 1,
  }
  expect(look(tree).strays).toEqual(['/chroots', '/sbin/solocloud'])
  expect(look(tree, { isInPlace: true }).strays).toEqual(['/chroots'])
  const earlier = { created: ['/chroots', '/sbin/solocloud'] } as unknown as Installation
  expect(look(tree, { earlier }).strays).toEqual([])
})

test('a node knows itself', () => {
  const tree: Tree = {
    '/proc/1/exe': { link: '/usr/sbin/solocloud' },
    '/run/solocloud/manage.sock': '',
  }
  expect(look(tree)).toMatchObject({ isNode: true, distribution: 'an unknown distribution' })
})
