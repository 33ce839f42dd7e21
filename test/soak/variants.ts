// Debian systems of other kinds than the one that `make test` installs over, as VPSes have them.
import { DEFAULT_SYSTEM, type System } from '../../qemu/debian/system.ts'
import { chosenOf } from './chosen.ts'

export interface Variant {
  system: System
  /** At this end of its cable, where nobody gives out addresses; none where its network is QEMU's. */
  here: readonly string[]
}

export const VARIANTS: Readonly<Record<string, Variant>> = {
  dracut: {
    system: { ...DEFAULT_SYSTEM, initramfs: 'dracut', separateBoot: true },
    here: [],
  },
  uefi: {
    system: {
      ...DEFAULT_SYSTEM,
      bootLoader: 'uefi',
      network: {
        by: 'networkd',
        addresses: ['192.0.2.10/24', 'fd00::10/64'],
        gateways: ['192.0.2.1', 'fd00::1'],
        nameserver: '192.0.2.1',
      },
    },
    here: ['192.0.2.1/24', 'fd00::1/64'],
  },
  xfs: {
    system: {
      ...DEFAULT_SYSTEM,
      root: 'xfs',
      network: {
        by: 'ifupdown',
        addresses: ['192.0.2.10/24'],
        gateways: ['192.0.2.1'],
        nameserver: '192.0.2.1',
      },
    },
    here: ['192.0.2.1/24'],
  },
  ipv6: {
    system: {
      ...DEFAULT_SYSTEM,
      network: {
        by: 'ifupdown',
        addresses: ['fd00::10/64'],
        // As many hosters have it.
        gateways: ['fe80::1'],
        nameserver: 'fd00::1',
      },
    },
    here: ['fd00::1/64', 'fe80::1/64'],
  },
}

export const chosenVariants = (names: readonly string[]): [name: string, variant: Variant][] =>
  chosenOf('system', VARIANTS, names)

/** As a URL has it; null where DHCP gives it. */
export function addressOf({ network }: System): string | null {
  if (network.addresses === 'dhcp') return null
  const [address = ''] = (network.addresses[0] ?? '').split('/')
  return address.includes(':') ? `[${address}]` : address
}

/** A shell's words and what they print on such a system: that the disk is what it is called. */
export function factsOf(system: System): [command: string, printed: string][] {
  const { bootLoader, initramfs, root, separateBoot, network } = system
  const yesNo = (condition: string) => `if ${condition}; then echo yes; else echo no; fi`
  const said = (is: boolean) => (is ? 'yes' : 'no')
  return [
    ['cat /proc/1/comm', 'systemd'],
    [yesNo('[ -d /sys/firmware/efi ]'), said(bootLoader === 'uefi')],
    [yesNo('[ -e /usr/bin/dracut ]'), said(initramfs === 'dracut')],
    [yesNo('[ -e /usr/sbin/mkinitramfs ]'), said(initramfs === 'initramfs-tools')],
    ['findmnt -no FSTYPE /', root],
    [yesNo('mountpoint -q /boot'), said(separateBoot)],
    [
      yesNo('pgrep -x dhclient >/dev/null'),
      said(network.addresses === 'dhcp' && network.by === 'ifupdown'),
    ],
    [
      'systemctl is-active systemd-networkd || :',
      network.by === 'networkd' ? 'active' : 'inactive',
    ],
    ...(network.addresses === 'dhcp'
      ? []
      : [[GLOBAL_ADDRESSES, network.addresses.join('\n')] satisfies [string, string]]),
  ]
}

const GLOBAL_ADDRESSES = "ip -o address show scope global | awk '{ print $4 }'"

/** The gateways of default routes, as /proc/net/route and /proc/net/ipv6_route have them, one after the other. */
export function defaultGateways(text: string): string[] {
  const found: string[] = []
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    const [, destination, gateway = ''] = words
    if (destination === NOWHERE_4 && words[7] === NOWHERE_4 && gateway !== NOWHERE_4)
      found.push(dotted(gateway))
    const [destination6, prefixLength, , , gateway6 = ''] = words
    if (destination6 === NOWHERE_6 && prefixLength === '00' && gateway6 !== NOWHERE_6)
      found.push(shortened(gateway6))
  }
  return found
}

const NOWHERE_4 = '0'.repeat(8)
const NOWHERE_6 = '0'.repeat(32)

/** A little-endian machine's. */
const dotted = (hex: string): string => [...Buffer.from(hex, 'hex')].toReversed().join('.')

function shortened(hex: string): string {
  const groups = (hex.match(/.{4}/g) ?? []).join(':')
  return new URL(`http://[${groups}]`).hostname.replace(/[[\]]/g, '')
}
