// Gives interfaces the names that the plan has for them. A name that another one has is freed first, so that
// eth0 and eth1 can change places.
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'

export interface Rename {
  link: Link
  to: string
}

/**
 * In order. `wanted`: names by number. Interfaces that are in use under the name of another one keep it, and
 * the other one has to do without.
 */
export function renames(
  links: readonly Link[],
  wanted: ReadonlyMap<number, string>,
  inUse: (link: Link) => boolean,
): Rename[] {
  const names = new Map(links.map(({ index, name }) => [index, name]))
  const steps: Rename[] = []
  const step = (link: Link, to: string): void => {
    names.set(link.index, to)
    steps.push({ link, to })
  }
  for (const link of links) {
    const name = wanted.get(link.index)
    if (name === undefined || names.get(link.index) === name) continue
    const holder = links.find(({ index }) => names.get(index) === name)
    if (holder !== undefined) {
      if (inUse(holder) || holder.loopback) continue
      step(holder, freeName([...names.values(), ...wanted.values()]))
    }
    step(link, name)
  }
  return steps
}

function freeName(taken: readonly string[]): string {
  for (let number = 0; ; number++) {
    const name = `eth${number}`
    if (!taken.includes(name)) return name
  }
}

/** The kernel renames only what is down. One that is refused is reported; true when something changed. */
export function renameLinks(
  rtnetlink: Rtnetlink,
  steps: readonly Rename[],
  warn: (problem: string, error: unknown) => void,
): boolean {
  for (const { link, to } of steps) {
    try {
      if (link.up) rtnetlink.setDown(link.index)
      rtnetlink.rename(link.index, to)
    } catch (error) {
      warn(`${link.name}: it cannot be called ${to}`, error)
    }
  }
  return steps.length > 0
}
