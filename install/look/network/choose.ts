// Which of several files holds of an interface: old ones stay behind when a system changes its tool.
import type { Address } from '../../../netlink/address.ts'
import type { Configured } from './configured.ts'

/**
 * The one whose tool has the interface; else the one that the kernel's addresses contradict least and bear out
 * most; else the first. Null for none.
 */
export function choose(
  said: readonly Configured[],
  addresses: readonly Address[],
): Configured | null {
  const present = new Set(addresses.map(({ address }) => address))
  const timed = addresses.some(({ family, permanent }) => family === 4 && !permanent)
  const ranked = said.map((one, order) => {
    const listed = one.addresses.filter(({ address }) => present.has(address)).length
    const merit = listed + Number(one.dhcp4 && timed)
    return { one, rank: [Number(!one.inUse), one.addresses.length - listed, -merit, order] }
  })
  return ranked.toSorted((a, b) => compare(a.rank, b.rank))[0]?.one ?? null
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
