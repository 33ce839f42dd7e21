// How a person reaches the node, as far as this machine can know the address by which it is reached.
import { BlockList, isIPv6 } from 'node:net'
import type { System } from '../look/look.ts'
import type { InstallOptions } from './install-plan.ts'

export interface WayIn {
  /** `ssh -p 2222 root@192.0.2.5`; null where there is no ssh. */
  ssh: string | null
  /** What `cloud` takes as the node. */
  node: string
}

/** Behind these another address is the one that people know. */
const PRIVATE = new BlockList()
const PRIVATE_NETWORKS = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '127.0.0.0/8'],
  ...['169.254.0.0/16', '0.0.0.0/8', 'fc00::/7', 'fe80::/10', '::/127'],
]
for (const network of PRIVATE_NETWORKS) {
  const [address = '', prefix] = network.split('/')
  PRIVATE.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** Stands for what only the person knows. */
const UNKNOWN_HOST = 'HOST'
const SSH_PORT = 22

export function wayIn(system: System, { manage }: InstallOptions): WayIn {
  const host = hostOf(system)
  const { ssh, connection, loginName, backup } = system
  // Its accounts and port are in the archive, and whoever restores it knows them.
  if (backup?.hasSsh === true)
    return { ssh: `ssh USER@${host}`, node: `ssh://USER@${bracketed(host)}` }
  if (ssh === null)
    return {
      ssh: null,
      node: managedAt(manage ?? backup?.settings['solocloud.manage'] ?? '', host),
    }
  const port = ssh.ports.find((one) => one === connection?.port) ?? ssh.ports[0] ?? SSH_PORT
  const managers = ssh.accounts.filter(({ administrator }) => administrator)
  const account = managers.find(({ name }) => name === loginName) ?? managers[0]
  const user = account?.name ?? 'root'
  const usual = port === SSH_PORT
  return {
    ssh: `ssh ${usual ? '' : `-p ${port} `}${user}@${host}`,
    node: `ssh://${user}@${bracketed(host)}${usual ? '' : `:${port}`}`,
  }
}

function hostOf({ connection, network }: System): string {
  const planned = network.plan.interfaces.flatMap((one) => one.addresses)
  const known = [...(connection === null ? [] : [connection.server])]
  const addresses = [...known, ...planned.map(({ address }) => address)]
  return addresses.find(isPublic) ?? UNKNOWN_HOST
}

function isPublic(address: string): boolean {
  return !PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host)

/** A server that listens everywhere is reached where the machine is. */
function managedAt(manage: string, host: string): string {
  return manage.replace(/^(0\.0\.0\.0|\[::\]):/, `${bracketed(host)}:`)
}
