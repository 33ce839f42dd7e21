// A Debian VPS as an OpenVZ host would run it: its files from debootstrap, and its settings by vzctl's scripts.
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { userCacheDir } from '../../qemu/cache.ts'
import { command } from '../../qemu/command.ts'
import { commands, DEFAULT_SYSTEM, files } from '../../qemu/debian/system.ts'
import { debianTree, run, writeFiles } from '../../qemu/debian/tree.ts'
import { inTree } from '../../qemu/sandbox.ts'

/** RFC 5737's and RFC 3849's: nobody else has them. */
export const ADDRESSES = { v4: '198.51.100.17', v6: '2001:db8:40::17' } as const

/** As debian-add_ip.sh of vzctl writes it, with words of iproute2 for those of net-tools. */
const INTERFACES = `# This configuration file is auto-generated.

# Auto generated lo interface
auto lo
iface lo inet loopback

# Auto generated venet0 interface
auto venet0
iface venet0 inet manual
	up ip link set dev venet0 up
	up ip addr add 127.0.0.2/32 dev venet0
	up ip route add default dev venet0
	down ip route del default dev venet0
	down ip link set dev venet0 down

iface venet0 inet6 manual
	up ip addr add ${ADDRESSES.v6}/128 dev venet0
	up ip -6 route add default dev venet0
	down ip -6 route del default dev venet0

auto venet0:0
iface venet0:0 inet static
	address ${ADDRESSES.v4}
	netmask 255.255.255.255
`
/** What the template of a container does without: it has no kernel, and nothing to mount. */
const HOSTS = ['boot', 'usr/lib/modules'] as const

/** Makes the directory `disk`, and `key`, which opens its accounts. Minutes when the cache has no tree. */
export async function makeDebian(
  disk: string,
  key: string,
  report: (line: string) => void,
): Promise<void> {
  const tree = await debianTree(userCacheDir(), DEFAULT_SYSTEM, report)
  await command('cp', ['-a', '--reflink=auto', tree, disk])
  for (const place of HOSTS)
    for (const name of await readdir(join(disk, place)))
      await rm(join(disk, place, name), { recursive: true })
  await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', key])
  await writeFiles(disk, {
    ...files(DEFAULT_SYSTEM, await readFile(`${key}.pub`, 'utf8')),
    '/etc/network/interfaces': INTERFACES,
    '/etc/resolv.conf': 'nameserver 203.0.113.2\n',
    '/etc/fstab': '',
  })
  for (const words of commands(DEFAULT_SYSTEM)) await run(inTree(disk, words))
}
