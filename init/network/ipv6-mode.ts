// Whether an interface listens to IPv6 routers: sysctls of its own (Documentation/networking/ip-sysctl.rst).
import { familyOf } from '../../netlink/ip-address.ts'
import type { InterfaceConfig } from './interface-config.ts'

/** Both throw Node's fs errors. */
export interface SysctlFiles {
  read(path: string): string
  write(path: string, value: string): void
}

const wantsIpv6 = ({ autoconf6, addresses }: InterfaceConfig): boolean =>
  autoconf6 === true || addresses.some(({ address }) => familyOf(address) === 6)

/**
 * Best before the interface is up. False where the kernel has no IPv6. What is refused is reported.
 */
export function setIpv6Mode(
  files: SysctlFiles,
  name: string,
  config: InterfaceConfig,
  report: (problem: string, error: unknown) => void,
): boolean {
  const path = (key: string): string => `/proc/sys/net/ipv6/conf/${name}/${key}`
  const read = (key: string): string | null => {
    try {
      return files.read(path(key)).trim()
    } catch {
      return null
    }
  }
  const set = (key: string, value: string): void => {
    try {
      if (read(key) !== value) files.write(path(key), value)
    } catch (error) {
      report(`${path(key)} is not ${value}`, error)
    }
  }
  const disabled = read('disable_ipv6')
  const wanted = wantsIpv6(config)
  if (disabled === null) {
    if (wanted) report('the kernel has no IPv6', null)
    return false
  }
  if (wanted) set('disable_ipv6', '0')
  if (config.autoconf6 === null) return true
  // A machine that forwards listens to routers only when it is told so twice.
  const listening = read('forwarding') === '1' ? '2' : '1'
  set('accept_ra', config.autoconf6 ? listening : '0')
  set('autoconf', config.autoconf6 ? '1' : '0')
  return true
}
