// The old system's name.
import type { ConfigFiles } from './configured.ts'

/** As the setting solocloud.hostname takes it: HOST_NAME_MAX, each label as in RFC 1123. */
const HOSTNAME =
  /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
/** What a kernel calls itself until it is told otherwise. */
const NO_NAME = /^(\(none\)|localhost(\.localdomain)?)$/

/** From /etc/hostname (hostname(5)), else Red Hat's older file, else the kernel. */
export function findHostname(files: ConfigFiles): { hostname: string | null; warnings: string[] } {
  const lines = (files.read('/etc/hostname') ?? '').split('\n').map((line) => line.trim())
  const written = lines.find((line) => line !== '' && !line.startsWith('#'))
  const [, redHat] =
    /^HOSTNAME="?([^"\s]+)"?\s*$/m.exec(files.read('/etc/sysconfig/network') ?? '') ?? []
  const kernel = files.read('/proc/sys/kernel/hostname')?.trim()
  const name = [written, redHat, kernel].find(
    (one) => one !== undefined && one !== '' && !NO_NAME.test(one),
  )
  if (name === undefined) return { hostname: null, warnings: [] }
  if (HOSTNAME.test(name)) return { hostname: name, warnings: [] }
  return {
    hostname: null,
    warnings: [`the host name "${name.slice(0, 64)}" is not one that a node takes; it gets none`],
  }
}
