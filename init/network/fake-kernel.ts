// A kernel for the tests: interfaces, of which every change is noted.
import type { Address } from '../../netlink/address.ts'
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'

export const fakeLink = (index: number, name: string, mac: string): Link => ({
  ...{ index, name, up: false, carrier: true, loopback: name === 'lo', ethernet: mac !== '' },
  ...{ pointToPoint: mac === '', mac: Buffer.from(mac.replaceAll(':', ''), 'hex') },
  ...{ permanentMac: null, mtuBytes: 1500, master: null, kind: null },
})

/** Throws SysError's look-alikes where a real kernel would: a name that is taken, a rename of what is up. */
export class FakeKernel implements Rtnetlink {
  readonly story: string[] = []
  readonly #links: Map<number, Link>
  readonly #addresses: Address[] = []

  constructor(links: readonly Link[]) {
    this.#links = new Map(links.map((link) => [link.index, link]))
  }

  links(): Link[] {
    return [...this.#links.values()]
  }

  names(): string[] {
    return this.links().map(({ name }) => name)
  }

  plug(link: Link): void {
    this.#links.set(link.index, link)
  }

  addresses(): Address[] {
    return this.#addresses
  }

  routes(): [] {
    return []
  }

  setUp(index: number): void {
    this.#change(index, { up: true })
    this.story.push(`up ${index}`)
  }

  setDown(index: number): void {
    this.#change(index, { up: false })
    this.story.push(`down ${index}`)
  }

  setMtu(index: number, mtuBytes: number): void {
    this.#change(index, { mtuBytes })
    this.story.push(`mtu ${index} ${mtuBytes}`)
  }

  rename(index: number, name: string): void {
    if (this.#links.get(index)?.up === true) throw new Error('EBUSY')
    if (this.names().includes(name)) throw new Error('EEXIST')
    this.#change(index, { name })
    this.story.push(`name ${index} ${name}`)
  }

  putAddress({ link, address, prefix }: { link: number; address: string; prefix: number }): void {
    const family = address.includes(':') ? 6 : 4
    this.#addresses.push({ family, link, address, prefix, permanent: true, linkLocal: false })
    this.story.push(`address ${link} ${address}/${prefix}`)
  }

  deleteAddress(link: number, { address }: { address: string }): void {
    this.story.push(`delete ${link} ${address}`)
  }

  putRoute(route: { link: number; destination: { address: string } }): void {
    this.story.push(`route ${route.link} ${route.destination.address}`)
  }

  close(): void {
    this.story.push('close')
  }

  #change(index: number, change: Partial<Link>): void {
    const link = this.#links.get(index)
    if (link === undefined) throw new Error('ENODEV')
    this.#links.set(index, { ...link, ...change })
  }
}
