// The name servers and search domains that are written down, in the settings or in the plan.
import type { NetworkPlan } from '../../protocol/network-plan.ts'
import { isDomainName } from './dhcp-lease.ts'
import type { Resolver } from './resolv-conf.ts'

export interface ConfiguredResolver {
  /** Before what the network offers. */
  preferred: Resolver
  /** After it. */
  spare: Resolver
}

const NONE: Resolver = { nameServers: [], searchDomains: [] }

/** `elsewhere`: the plan's interfaces are not there, so its servers are perhaps of another network. */
export function configuredResolver(
  words: readonly string[],
  plan: NetworkPlan | null,
  elsewhere: boolean,
): ConfiguredResolver {
  const planned = {
    nameServers: plan?.nameServers ?? [],
    searchDomains: plan?.searchDomains.filter(isDomainName) ?? [],
  }
  if (words.length > 0) {
    return { preferred: { ...planned, nameServers: words }, spare: NONE }
  }
  return elsewhere ? { preferred: NONE, spare: planned } : { preferred: planned, spare: NONE }
}
