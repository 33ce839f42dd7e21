// The questions that read and change interfaces, addresses and routes (rtnetlink(7)).
import { decodeAddress, encodeAddress, type Address, type NewAddress } from './address.ts'
import type { Cidr } from './ip-address.ts'
import { decodeLink, InterfaceFlag, LinkAttribute, linkHeader, type Link } from './link.ts'
import { cString, encodeAttributes, MessageFlag, uint32, type NetlinkMessage } from './netlink.ts'
import type { NetlinkSocket } from './netlink-socket.ts'
import { decodeRoutes, encodeRoute, type NewRoute, type Route } from './route.ts'
import { RouteMessage } from './rtnetlink-message.ts'

/** Everything throws SysError. */
export interface Rtnetlink {
  links(): Link[]
  addresses(): Address[]
  /** Of all tables, the kernel's own included. */
  routes(): Route[]
  setUp(link: number): void
  setDown(link: number): void
  setMtu(link: number, mtuBytes: number): void
  /** EBUSY while it is up, EEXIST when another one has the name. */
  rename(link: number, name: string): void
  /** Adds the address, or gives it a new lifetime. */
  putAddress(address: NewAddress): void
  deleteAddress(link: number, address: Cidr): void
  /** Adds the route, or replaces the one with the same destination and priority. */
  putRoute(route: NewRoute): void
  close(): void
}

export function createRtnetlink(socket: NetlinkSocket): Rtnetlink {
  const put = MessageFlag.create | MessageFlag.replace
  const dump = (what: string, type: number, header: Buffer): NetlinkMessage[] =>
    socket.request(what, type, MessageFlag.dump, header)
  const setLink = (link: number, header: Buffer, attributes: Buffer = Buffer.alloc(0)): void => {
    socket.request(`link ${link}`, RouteMessage.setLink, 0, Buffer.concat([header, attributes]))
  }
  const setAttribute = (link: number, attribute: number, value: Uint8Array): void =>
    setLink(link, linkHeader(link, 0, 0), encodeAttributes([[attribute, value]]))
  return {
    links: () =>
      dump('links', RouteMessage.getLink, linkHeader(0, 0, 0))
        .map(decodeLink)
        .filter((link) => link !== null),
    addresses: () =>
      dump('addresses', RouteMessage.getAddress, Buffer.alloc(8))
        .map(decodeAddress)
        .filter((address) => address !== null),
    routes: () => dump('routes', RouteMessage.getRoute, Buffer.alloc(12)).flatMap(decodeRoutes),
    setUp: (link) => setLink(link, linkHeader(link, InterfaceFlag.up, InterfaceFlag.up)),
    setDown: (link) => setLink(link, linkHeader(link, 0, InterfaceFlag.up)),
    setMtu: (link, mtuBytes) => setAttribute(link, LinkAttribute.mtu, uint32(mtuBytes)),
    rename: (link, name) => setAttribute(link, LinkAttribute.name, cString(name)),
    putAddress: (address) =>
      void socket.request(
        `address ${address.address}`,
        RouteMessage.newAddress,
        put,
        encodeAddress(address),
      ),
    deleteAddress: (link, cidr) =>
      void socket.request(
        `address ${cidr.address}`,
        RouteMessage.deleteAddress,
        0,
        encodeAddress({ ...cidr, link, validSeconds: null }),
      ),
    putRoute: (route) =>
      void socket.request(
        `route ${route.destination.address}/${route.destination.prefix}`,
        RouteMessage.newRoute,
        put,
        encodeRoute(route),
      ),
    close: () => socket.close(),
  }
}
