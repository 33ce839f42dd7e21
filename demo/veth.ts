// A network cable between this machine and a node's network namespace. This machine's own interfaces stay
// as they are: the cable's end here is a new interface, and it goes when the namespace goes.
import { command } from '../qemu/command.ts'

export interface Veth {
  /** This machine's address. */
  host: string
  /** The node's. */
  node: string
  /** Words for PID 1: `solocloud.address` and `solocloud.gateway`. */
  settings: readonly string[]
}

/** RFC 2544 keeps 198.18.0.0/15 for measuring: no network that this machine may be in uses it. */
const SUBNETS = 64
const PREFIX = 30

/** Makes the pair and gives its end here an address; the other end is eth0 in `pid`'s namespace. */
export async function connectVeth(pid: number): Promise<Veth> {
  const used = await command('ip', ['-o', '-4', 'addr'])
  for (let subnet = 0; subnet < SUBNETS; subnet++) {
    const host = `198.18.0.${subnet * 4 + 1}`
    const node = `198.18.0.${subnet * 4 + 2}`
    const name = `solocloud${subnet}`
    if (used.includes(` ${host}/`)) continue
    const peer = ['peer', 'name', 'eth0', 'netns', String(pid)]
    // Another node may take the number between the look and the making: its name is then taken.
    const made = await command('ip', ['link', 'add', name, 'type', 'veth', ...peer]).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && error.message.includes('File exists')) return false
        throw error
      },
    )
    if (!made) continue
    await command('ip', ['addr', 'add', `${host}/${PREFIX}`, 'dev', name])
    await command('ip', ['link', 'set', name, 'up'])
    const settings = [`solocloud.address=${node}/${PREFIX}`, `solocloud.gateway=${host}`]
    return { host, node, settings }
  }
  throw new Error(`all ${SUBNETS} subnets of 198.18.0.0/24 are taken`)
}
