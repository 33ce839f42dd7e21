// What an interface's parts need from outside.
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { DhcpMessage } from './dhcp-message.ts'
import type { DhcpSocket } from './dhcp-socket.ts'
import type { SysctlFiles } from './ipv6-mode.ts'
import type { Timers } from './timers.ts'

export interface InterfaceEnvironment {
  rtnetlink: Rtnetlink
  /** Under /proc/sys. */
  files: SysctlFiles
  timers: Timers
  random: () => number
  /** Told to DHCP servers; null: nothing. */
  hostname: string | null
  openDhcpSocket: (
    kind: 'packet' | 'udp',
    link: Link,
    received: (message: DhcpMessage) => void,
  ) => DhcpSocket
  /** One line for people. */
  say: (line: string) => void
  warn: (problem: string, error: unknown) => void
  /** The lease came, went or changed, or what is fixed has been set. */
  changed: () => void
}
