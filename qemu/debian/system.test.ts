import { expect, test } from 'vitest'
import {
  commands,
  DEFAULT_SYSTEM,
  files,
  type Network,
  packages,
  withoutPackages,
} from './system.ts'

const STATIC: Network = {
  by: 'ifupdown',
  addresses: ['10.0.2.15/24', 'fd00::2/64'],
  gateways: ['10.0.2.2', 'fd00::1'],
  nameserver: '10.0.2.3',
}
const filesOf = (network: Network) => files({ ...DEFAULT_SYSTEM, network }, 'ssh-ed25519 A\n')

test('each boot loader, initramfs and file system brings its packages', () => {
  expect(packages(DEFAULT_SYSTEM)).toEqual(
    expect.arrayContaining(['grub-pc', 'initramfs-tools', 'openssh-server', 'sudo']),
  )
  const other = packages({
    ...DEFAULT_SYSTEM,
    bootLoader: 'uefi',
    initramfs: 'dracut',
    root: 'xfs',
  })
  expect(other).toEqual(expect.arrayContaining(['grub-efi-amd64', 'dracut', 'xfsprogs']))
  expect(other).not.toContain('grub-pc')
})

test('dracut comes without what it lies beside nowhere, and the default leaves nothing out', () => {
  const dracut = withoutPackages({ ...DEFAULT_SYSTEM, initramfs: 'dracut' })
  expect(dracut).toEqual(['initramfs-tools', 'initramfs-tools-core'])
  expect(withoutPackages(DEFAULT_SYSTEM)).toEqual([])
})

test('the key opens root and the account of a cloud image', () => {
  const found = filesOf(DEFAULT_SYSTEM.network)
  for (const home of ['/root', '/home/debian'])
    expect(found[`${home}/.ssh/authorized_keys`]).toBe('ssh-ed25519 A\n')
})

test('ifupdown gets a stanza for each address, with the gateway of its family', () => {
  const found = filesOf(STATIC)
  expect(found['/etc/network/interfaces']).toBe(`auto lo
iface lo inet loopback
auto ens3
iface ens3 inet static
  address 10.0.2.15/24
  gateway 10.0.2.2
iface ens3 inet6 static
  address fd00::2/64
  gateway fd00::1
`)
  expect(found['/etc/resolv.conf']).toBe('nameserver 10.0.2.3\n')
  expect(filesOf(DEFAULT_SYSTEM.network)['/etc/resolv.conf']).toBeUndefined()
})

test('systemd-networkd gets a .network file, and is started', () => {
  const network: Network = { ...STATIC, by: 'networkd' }
  const found = filesOf(network)
  expect(found['/etc/systemd/network/10-ether.network']).toContain('\nGateway=fd00::1\n')
  expect(found['/etc/network/interfaces']).not.toContain('ens3')
  const enable = ['systemctl', 'enable', 'systemd-networkd']
  expect(commands({ ...DEFAULT_SYSTEM, network })).toContainEqual(enable)
  expect(commands(DEFAULT_SYSTEM)).not.toContainEqual(enable)
})
