// What a Debian VPS is made of, as its hoster would have set it up: packages, files and services. Data only.

export interface System {
  /** GRUB on BIOS with an MBR, or on UEFI with a GPT. */
  bootLoader: 'bios' | 'uefi'
  initramfs: 'initramfs-tools' | 'dracut'
  root: 'ext4' | 'xfs'
  separateBoot: boolean
  network: Network
}

/** By DHCP, or with addresses that stay; with ifupdown, as Debian's installer does it, or systemd-networkd. */
export type Network =
  | { by: 'ifupdown' | 'networkd'; addresses: 'dhcp' }
  | {
      by: 'ifupdown' | 'networkd'
      /** With prefix length: 10.0.2.15/24, fd00::2/64. */
      addresses: readonly string[]
      gateways: readonly string[]
      nameserver: string
    }

/** What `make test` runs on. */
export const DEFAULT_SYSTEM: System = {
  bootLoader: 'bios',
  initramfs: 'initramfs-tools',
  root: 'ext4',
  separateBoot: false,
  network: { by: 'ifupdown', addresses: 'dhcp' },
}

export const SUITE = 'bookworm'
export const MIRROR = 'http://deb.debian.org/debian'
export const HOSTNAME = 'old-debian'
/** Accounts that the key of the disk lets in; the second is a cloud image's, with sudo. */
export const ACCOUNTS = ['root', 'debian'] as const
/** How systemd names the network card of QEMU's machine (`ens3`: the PCI slot after the disk's). */
const INTERFACE = 'ens3'

/** debootstrap's --include, beside the packages that are essential. */
export function packages({ bootLoader, initramfs, root }: System): string[] {
  return [
    ...['linux-image-cloud-amd64', initramfs, bootLoader === 'bios' ? 'grub-pc' : 'grub-efi-amd64'],
    ...(root === 'xfs' ? ['xfsprogs'] : []),
    ...(bootLoader === 'uefi' ? ['dosfstools'] : []),
    ...['systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'ifupdown', 'isc-dhcp-client'],
    // What an initramfs is compressed with by default.
    ...['openssh-server', 'sudo', 'zstd'],
  ]
}

/** debootstrap takes the first of a kernel's alternatives, and dracut lies beside no other. */
export function withoutPackages({ initramfs }: System): string[] {
  return initramfs === 'dracut' ? ['initramfs-tools', 'initramfs-tools-core'] : []
}

/** A text for each path that exists before the packages are configured. Nothing of it waits for a disk. */
export const EARLY_FILES: Readonly<Record<string, string>> = {
  // The whole tree is thrown away when the power goes.
  '/etc/dpkg/dpkg.cfg.d/unsafe': 'force-unsafe-io\n',
  // dracut would take only what this machine needs.
  '/etc/dracut.conf.d/any-machine.conf': 'hostonly="no"\n',
  '/etc/hostname': `${HOSTNAME}\n`,
  '/etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${HOSTNAME}\n::1 localhost ip6-localhost\n`,
  // An installed system has one; without it the boot counts as the first and does more.
  '/etc/machine-id': '5a1d0c0de5a1d0c0de5a1d0c0de5a1d0\n',
}

/** Of `EARLY_FILES`, what an installed system does not have. */
export const EARLY_ONLY = ['/etc/dpkg/dpkg.cfg.d/unsafe'] as const

const GRUB_DEFAULTS = `GRUB_DEFAULT=0
GRUB_TIMEOUT_STYLE=hidden
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
# An NMI that nobody asked for is how a test has the kernel panic.
GRUB_CMDLINE_LINUX="console=ttyS0 unknown_nmi_panic"
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
`

/** A text for each path; `publicKey` opens the accounts. */
export function files({ network }: System, publicKey: string): Record<string, string> {
  const homes = ACCOUNTS.map((name) => (name === 'root' ? '/root' : `/home/${name}`))
  return {
    '/etc/default/grub': GRUB_DEFAULTS,
    '/etc/sudoers.d/90-cloud-init-users': 'debian ALL=(ALL) NOPASSWD:ALL\n',
    ...Object.fromEntries(homes.map((home) => [`${home}/.ssh/authorized_keys`, publicKey])),
    ...(network.by === 'ifupdown' ? ifupdown(network) : networkd(network)),
    ...(network.addresses === 'dhcp'
      ? {}
      : { '/etc/resolv.conf': `nameserver ${network.nameserver}\n` }),
  }
}

const isV6 = (address: string): boolean => address.includes(':')

function ifupdown(network: Network): Record<string, string> {
  const lines = ['auto lo', 'iface lo inet loopback', `auto ${INTERFACE}`]
  if (network.addresses === 'dhcp') lines.push(`iface ${INTERFACE} inet dhcp`)
  else {
    for (const address of network.addresses) {
      const family = isV6(address) ? 'inet6' : 'inet'
      lines.push(`iface ${INTERFACE} ${family} static`, `  address ${address}`)
      const gateway = network.gateways.find((one) => isV6(one) === isV6(address))
      if (gateway !== undefined) lines.push(`  gateway ${gateway}`)
    }
  }
  return { '/etc/network/interfaces': `${lines.join('\n')}\n` }
}

function networkd(network: Network): Record<string, string> {
  const lines = ['[Match]', 'Type=ether', '[Network]']
  if (network.addresses === 'dhcp') lines.push('DHCP=yes')
  else {
    lines.push(...network.addresses.map((address) => `Address=${address}`))
    lines.push(...network.gateways.map((gateway) => `Gateway=${gateway}`))
    lines.push(`DNS=${network.nameserver}`)
  }
  return {
    '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n',
    '/etc/systemd/network/10-ether.network': `${lines.join('\n')}\n`,
  }
}

/** Commands of the tree that make it a VPS, in their order. */
export function commands({ network }: System): string[][] {
  return [
    ['useradd', '--create-home', '--shell', '/bin/bash', '--groups', 'sudo', 'debian'],
    ['chown', '-R', 'debian:debian', '/home/debian/.ssh'],
    ['chmod', '-R', 'go=', '/home/debian/.ssh', '/root/.ssh'],
    ['chmod', '440', '/etc/sudoers.d/90-cloud-init-users'],
    // A guest that nobody uses must be idle, and its disk too.
    ['systemctl', 'disable', ...DISABLED],
    ...(network.by === 'networkd' ? [['systemctl', 'enable', 'systemd-networkd']] : []),
    ['apt-get', 'clean'],
  ]
}

/** Debian starts these by default; a small VPS does without. */
const DISABLED = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'fstrim.timer'],
  ...['e2scrub_all.timer', 'e2scrub_reap.service', 'systemd-pstore.service', 'getty@tty1.service'],
] as const
