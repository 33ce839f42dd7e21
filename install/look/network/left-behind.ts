// What else of the old system's network a person may count on, and a node does not do.
import type { ConfigFiles } from './configured.ts'

/** What is enabled at boot has a link in one of these directories. */
const WANTS = ['sysinit', 'multi-user', 'basic', 'network'].map(
  (target) => `/etc/systemd/system/${target}.target.wants`,
)

const FIREWALLS: Readonly<Record<string, string>> = {
  'nftables.service': 'nftables',
  'firewalld.service': 'firewalld',
  'iptables.service': 'iptables',
  'ip6tables.service': 'ip6tables',
  'netfilter-persistent.service': 'iptables-persistent',
  'shorewall.service': 'Shorewall',
}
const VPNS: Readonly<Record<string, string>> = { 'wg-quick@': 'WireGuard', openvpn: 'OpenVPN' }

export function leftBehind(files: ConfigFiles): string[] {
  const enabled = WANTS.flatMap((directory) => files.list(directory))
  const firewalls = Object.entries(FIREWALLS)
    .filter(([unit]) => enabled.includes(unit))
    .map(([, name]) => name)
  if (/^ENABLED=yes/m.test(files.read('/etc/ufw/ufw.conf') ?? '')) firewalls.push('ufw')
  const vpns = Object.entries(VPNS)
    .filter(([unit]) => enabled.some((name) => name.startsWith(unit)))
    .map(([, name]) => name)
  return [
    ...firewalls.map(
      (name) => `the firewall (${name}) is not taken along: every port that listens is open`,
    ),
    ...vpns.map((name) => `${name} is not taken along`),
    ...proxies(files),
  ]
}

function proxies(files: ConfigFiles): string[] {
  const text = ['/etc/environment', '/etc/profile.d/proxy.sh']
    .map((path) => files.read(path) ?? '')
    .join('\n')
  if (!/^\s*(export\s+)?https?_proxy=\S/im.test(text)) return []
  return ['the HTTP proxy of /etc/environment is not taken along: apps get no such variable']
}
