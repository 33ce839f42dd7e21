// What the running kernel says of the network, by netlink: what is, whoever configured it.
import { NetlinkProtocol, openNetlink } from '../../../netlink/netlink-socket.ts'
import { createRtnetlink, type Rtnetlink } from '../../../netlink/rtnetlink.ts'
import type { Native } from '../../../sys/native.ts'

export type KernelNetwork = Pick<Rtnetlink, 'links' | 'addresses' | 'routes'>

/** All of it at once, as it is now. Throws SysError. */
export function readKernelNetwork(native: Native): KernelNetwork {
  const rtnetlink = createRtnetlink(openNetlink(native, NetlinkProtocol.route))
  try {
    const [links, addresses, routes] = [
      rtnetlink.links(),
      rtnetlink.addresses(),
      rtnetlink.routes(),
    ]
    return { links: () => links, addresses: () => addresses, routes: () => routes }
  } finally {
    rtnetlink.close()
  }
}
