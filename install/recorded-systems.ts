// Old systems as trees of files, for tests: what `install` reads of them, recorded or as documented.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { SshAccount } from './ssh-app/ssh-app-plan.ts'
import { lookSystem, type Circumstances, type System } from './look/look.ts'
import { oldSystem } from './look/old-system.ts'

/** Text, a link, null for a directory, or bytes by their number. */
type Content = string | number | { link: string } | null
export type Tree = Readonly<Record<string, Content>>

export const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', name), 'latin1')

/** Makes the tree in a temporary directory, lets `use` have it, and removes it. */
export function withTree<T>(tree: Tree, use: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'old-system-'))
  try {
    for (const [path, content] of Object.entries(tree)) write(join(root, path), content)
    return use(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

function write(path: string, content: Content): void {
  mkdirSync(content === null ? path : dirname(path), { recursive: true })
  if (content === null) return
  if (typeof content === 'number') writeHole(path, content)
  else if (typeof content === 'string') writeFileSync(path, content, 'latin1')
  else symlinkSync(content.link, path)
}

export function without(tree: Tree, paths: RegExp): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !paths.test(path)))
}

function writeHole(path: string, bytes: number): void {
  writeFileSync(path, '')
  truncateSync(path, bytes)
}

const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('')
/** A grubenv. */
const environment = (...all: string[]): string =>
  lines('# GRUB Environment Block', ...all).padEnd(1024, '#')

const MIB = 1024 * 1024

function account(name: string, uid: number, administrator: boolean): SshAccount {
  const home = uid === 0 ? '/root' : `/home/${name}`
  return { name, uid, gid: uid, home, shell: '/bin/sh', administrator, keys: ['ssh-ed25519 A x'] }
}

export const ORDINARY: Circumstances = {
  userId: 0,
  architecture: 'x64',
  fileBytes: 114 * MIB,
  isInPlace: false,
  freeBytes: () => 4096 * MIB,
  earlier: null,
  loginName: 'root',
  backup: null,
  network: {
    plan: {
      interfaces: [
        {
          ...{
            name: 'eth0',
            mac: '52:54:00:12:34:56',
            mtuBytes: null,
            dhcp4: true,
            autoconf6: false,
          },
          addresses: [{ address: '2001:db8::5', prefix: 64 }],
          routes: [{ destination: { address: '::', prefix: 0 }, gateway: 'fe80::1', metric: null }],
        },
      ],
      nameServers: ['192.0.2.53'],
      searchDomains: [],
    },
    hostname: 'vps1',
    sources: [{ interface: 'eth0', source: '/etc/network/interfaces' }],
    ...{ warnings: [], problems: [] },
  },
  ssh: {
    ...{ ports: [22], hostKeys: ['/etc/ssh/ssh_host_ed25519_key'], programs: ['/usr/sbin/sshd'] },
    accounts: [
      account('root', 0, true),
      account('bob', 1001, false),
      account('debian', 1000, true),
    ],
    ...{ group: 999, bytes: 12 * MIB, warnings: [], problems: [], members: [] },
  },
}

export function look(tree: Tree, circumstances: Partial<Circumstances> = {}): System {
  return withTree(tree, (root) => lookSystem(oldSystem(root), { ...ORDINARY, ...circumstances }))
}

const UUID = '1b1ae5ac-5b7a-4b8e-9d3f-2f3d8e3a7c11'
const DEBIAN_RELEASE = '6.1.0-18-amd64'

const systemd = (version: number): Tree => ({
  '/run/systemd/system': null,
  [`/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-${version}.so`]: 1,
})

const kernelOf = (release: string, image: string, initramfs: string): Tree => ({
  '/proc/sys/kernel/osrelease': `${release}\n`,
  [image]: 8 * MIB,
  [initramfs]: 30 * MIB,
  [`/lib/modules/${release}/modules.dep`]: '',
  [`/boot/config-${release}`]: '#\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n',
  '/sys/kernel/kexec_loaded': '0\n',
})

const meminfo = 'MemTotal:         237000 kB\nMemFree:           12 kB\nMemAvailable:   181764 kB\n'

/** `kvm`: QEMU's. */
const kvm: Tree = {
  '/proc/cpuinfo': 'flags\t\t: fpu vme hypervisor lahf_lm\n',
  '/sys/class/dmi/id/sys_vendor': 'QEMU\n',
  '/sys/class/dmi/id/product_name': 'Standard PC (i440FX + PIIX, 1996)\n',
}

/** Debian 12 on a KVM machine of 256 MiB: one partition, GRUB on BIOS. */
export const DEBIAN: Tree = {
  ...kvm,
  ...systemd(252),
  ...kernelOf(
    DEBIAN_RELEASE,
    `/boot/vmlinuz-${DEBIAN_RELEASE}`,
    `/boot/initrd.img-${DEBIAN_RELEASE}`,
  ),
  '/etc/os-release': 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/proc/meminfo': meminfo,
  '/proc/cmdline': `BOOT_IMAGE=/boot/vmlinuz-${DEBIAN_RELEASE} root=UUID=${UUID} ro console=ttyS0\n`,
  '/proc/1/exe': { link: '/usr/lib/systemd/systemd' },
  '/proc/self/ns/pid': { link: 'pid:[4026531836]' },
  '/proc/self/mountinfo':
    '26 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n22 26 0:21 / /proc rw - proc proc rw\n',
  '/sys/dev/block/254:1': { link: '../../devices/pci0000:00/virtio0/block/vda/vda1' },
  [`/dev/disk/by-uuid/${UUID}`]: { link: '../../vda1' },
  '/etc/fstab': lines(
    '# <file system> <mount point>',
    `UUID=${UUID} / ext4 errors=remount-ro 0 1`,
    '/swapfile none swap sw 0 0',
    '/dev/vdb1 /data ext4 defaults 0 2',
  ),
  '/usr/sbin/mkinitramfs': '',
  '/boot/grub/grub.cfg': fixture('debian-grub.cfg'),
  '/boot/grub/grubenv': environment(),
}

/** The same on UEFI: Debian's grub.cfg on the EFI system partition is a stub. */
export const DEBIAN_UEFI: Tree = {
  ...DEBIAN,
  '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c': '\x06\0\0\0\x01',
  '/boot/efi/EFI/debian/grub.cfg': `search.fs_uuid ${UUID} root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n`,
}

/** With a /boot of its own, and a root on LVM. */
export const DEBIAN_BOOT: Tree = {
  ...DEBIAN,
  '/proc/self/mountinfo': lines(
    '26 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw',
    '29 26 254:1 / /boot rw,relatime shared:2 - ext2 /dev/vda1 rw',
  ),
  '/sys/dev/block/253:0': { link: '../../devices/virtual/block/dm-0' },
  '/sys/class/block/dm-0/dm/uuid': 'LVM-abcdef\n',
}

/** CentOS 7 on UEFI: the menu is on the EFI system partition, and grubenv's link leads there. */
export const CENTOS_7: Tree = {
  ...kvm,
  ...kernelOf(
    '3.10.0-1160.el7.x86_64',
    '/boot/vmlinuz-3.10.0-1160.el7.x86_64',
    '/boot/initramfs-3.10.0-1160.el7.x86_64.img',
  ),
  '/run/systemd/system': null,
  '/proc/meminfo': 'MemTotal:        1882000 kB\nMemAvailable:   1400000 kB\n',
  '/etc/os-release': 'NAME="CentOS Linux"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n',
  '/proc/cmdline':
    'BOOT_IMAGE=/vmlinuz-3.10.0-1160.el7.x86_64 root=/dev/mapper/centos-root ro crashkernel=auto ' +
    'rd.lvm.lv=centos/root rhgb quiet\n',
  '/proc/self/mountinfo': lines(
    '38 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/centos-root rw',
    '40 38 8:2 / /boot rw,relatime shared:2 - xfs /dev/sda2 rw',
    '41 40 8:1 / /boot/efi rw,relatime shared:3 - vfat /dev/sda1 rw',
  ),
  '/sys/dev/block/253:0': { link: '../../devices/virtual/block/dm-0' },
  '/sys/dev/block/8:2': { link: '../../devices/pci0000:00/ata1/block/sda/sda2' },
  '/sys/dev/block/8:1': { link: '../../devices/pci0000:00/ata1/block/sda/sda1' },
  '/sys/class/block/dm-0/dm/uuid': 'LVM-abcdef\n',
  '/dev/disk/by-uuid/44c70b0f-bd3f-4a0a-9d5d-cf7bba1d9d8c': { link: '../../sda2' },
  '/sys/firmware/efi/efivars': null,
  '/sys/fs/selinux/enforce': '1',
  '/usr/bin/dracut': '',
  '/boot/efi/EFI/centos/grub.cfg': fixture('centos-7-efi-grub.cfg'),
  '/boot/efi/EFI/centos/grubenv': environment('saved_entry=CentOS Linux'),
  '/boot/grub2/grubenv': { link: '../efi/EFI/centos/grubenv' },
}

/** CentOS 8 on BIOS, whose entries are files of the boot loader specification. */
export const CENTOS_8: Tree = {
  ...without(CENTOS_7, /efi/),
  ...systemd(239),
  ...kernelOf(
    '4.18.0-348.el8.x86_64',
    '/boot/vmlinuz-4.18.0-348.el8.x86_64',
    '/boot/initramfs-4.18.0-348.el8.x86_64.img',
  ),
  '/etc/os-release': 'NAME="CentOS Linux"\nPRETTY_NAME="CentOS Linux 8"\n',
  '/proc/cmdline':
    'BOOT_IMAGE=(hd0,msdos1)/vmlinuz-4.18.0-348.el8.x86_64 root=/dev/mapper/cl-root ro rd.lvm.lv=cl/root\n',
  '/proc/self/mountinfo': lines(
    '38 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/cl-root rw',
    '40 38 8:2 / /boot rw,relatime shared:2 - xfs /dev/sda2 rw',
  ),
  '/sbin/kexec': '',
  '/boot/grub2/grub.cfg': fixture('centos-8-grub.cfg'),
  '/boot/grub2/grubenv': environment(
    '# WARNING: Do not edit this file by tools other than grub-editenv!!!',
    'saved_entry=4711-4.18.0-348.el8.x86_64',
    'kernelopts=root=/dev/mapper/cl-root ro',
    'boot_success=0',
  ),
}

/** Debian 12 as a Xen PV guest, whose host reads menu.lst, or a grub.cfg first. */
export const XEN_PV: Tree = {
  ...without(DEBIAN, /^\/(sys\/class\/dmi|boot\/grub)\//),
  '/sys/hypervisor/type': 'xen\n',
  '/sys/hypervisor/guest_type': 'PV\n',
  '/proc/xen/capabilities': '',
  '/proc/cmdline': 'root=/dev/xvda1 ro\n',
  '/proc/self/mountinfo': '26 1 202:1 / / rw - ext4 /dev/xvda1 rw\n',
  '/sys/dev/block/202:1': { link: '../../devices/vbd-51712/block/xvda/xvda1' },
  [`/dev/disk/by-uuid/${UUID}`]: { link: '../../xvda1' },
  '/boot/grub/menu.lst': fixture('debian-menu.lst'),
}

/** Debian 12 in a container of OpenVZ 7. */
export const OPENVZ: Tree = {
  ...systemd(252),
  '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/proc/vz': null,
  '/proc/self/status': 'Name:\tcat\nenvID:\t101\n',
  '/proc/sys/kernel/osrelease': '3.10.0-1160.90.1.vz7.200.7\n',
  '/proc/cmdline': 'quiet\n',
  '/proc/meminfo': 'MemTotal:         262144 kB\nMemFree:        131072 kB\n',
  '/proc/self/mountinfo': '26 1 182:1 / / rw - ext4 /dev/ploop0p1 rw\n',
}

export const LXC: Tree = {
  ...without(DEBIAN, /^\/boot\//),
  '/proc/1/environ': 'TERM=linux\0container=lxc\0',
}
