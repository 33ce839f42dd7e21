// What a node's network is to be, interface by interface: written by `install` from the old system's, kept
// as JSON in the setting `solocloud.network`, and carried out by init/network.
import { isIP } from 'node:net'
import {
  amount,
  boolean,
  type Decoder,
  list,
  nullable,
  ProtocolError,
  record,
  string,
} from './decode.ts'

export interface PlannedAddress {
  /** IPv4 or IPv6. */
  address: string
  /** Of the network, in bits. */
  prefix: number
}

export interface PlannedRoute {
  /** The network's address; '0.0.0.0' and '::' with prefix 0 are the default routes. */
  destination: PlannedAddress
  /** null: on the link itself. A gateway outside the interface's networks is taken to be on the link. */
  gateway: string | null
  /** The smaller, the better; null: the node's choice. */
  metric: number | null
}

export interface PlannedInterface {
  /** The old system's name for it; the interface with this MAC address is renamed to it. */
  name: string
  /** `52:54:00:12:34:56`; null: found by its name (OpenVZ's venet0 has none). */
  mac: string | null
  /** null: as the driver or DHCP says. */
  mtuBytes: number | null
  dhcp4: boolean
  /** IPv6 addresses, routes and name servers from router advertisements. */
  autoconf6: boolean
  addresses: readonly PlannedAddress[]
  routes: readonly PlannedRoute[]
}

export interface NetworkPlan {
  interfaces: readonly PlannedInterface[]
  /** Preferred to what the network offers. */
  nameServers: readonly string[]
  searchDomains: readonly string[]
}

const ip: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (isIP(text) !== 0) return text
  throw new ProtocolError(`${path} must be an IP address, not "${text.slice(0, 40)}"`)
}
const address: Decoder<PlannedAddress> = (value, path) => {
  const taken = record<PlannedAddress>({ address: ip, prefix: amount })(value, path)
  const bits = isIP(taken.address) === 4 ? 32 : 128
  if (Number.isInteger(taken.prefix) && taken.prefix <= bits) return taken
  throw new ProtocolError(`${path}.prefix must be 0 to ${bits}, not ${taken.prefix}`)
}
const mac: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text)) return text
  throw new ProtocolError(`${path} must be a MAC address in lower case, not "${text.slice(0, 40)}"`)
}
/** IFNAMSIZ, and what the kernel forbids in an interface's name. */
const interfaceName: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (/^(?!\.{1,2}$)[^\s/:]{1,15}$/.test(text)) return text
  throw new ProtocolError(`${path} must be an interface's name, not "${text.slice(0, 40)}"`)
}

/** Throws ProtocolError. */
export const networkPlan: Decoder<NetworkPlan> = record<NetworkPlan>({
  interfaces: list(
    record<PlannedInterface>({
      name: interfaceName,
      mac: nullable(mac),
      mtuBytes: nullable(amount),
      dhcp4: boolean,
      autoconf6: boolean,
      addresses: list(address),
      routes: list(
        record<PlannedRoute>({
          destination: address,
          gateway: nullable(ip),
          metric: nullable(amount),
        }),
      ),
    }),
  ),
  nameServers: list(ip),
  searchDomains: list(string),
})
