// Whether a signal that ends the node may do so: an app must not power the machine off.
import { readlinkSync, statSync } from 'node:fs'
import type { ReceivedSignal } from '../../sys/signal-pipe.ts'

/** si_code of sigaction(2). */
const SI_USER = 0
const SI_KERNEL = 0x80

export interface Senders {
  /** What tells a process of the node from an app's: its namespaces and root; null when it is gone. */
  placeOf(pid: number): string | null
}

/**
 * The reason why a signal is ignored; null when it counts. The kernel's own (ctrl-alt-del) counts, and
 * what comes from outside our pid namespace (a container's host), and processes that see the node's
 * root. A sender inside our pid namespace, or in one below it, never appears as 0. si_pid is the kernel's
 * word only for kill(2): with sigqueue(3) the sender chooses it.
 */
export function refusal({ code, senderPid }: ReceivedSignal, senders: Senders): string | null {
  if (code === SI_KERNEL && senderPid === 0) return null
  if (code !== SI_USER) return `its code ${code} does not tell who sent it`
  if (senderPid === 0) return null
  const place = senders.placeOf(senderPid)
  if (place === null) return `its sender ${senderPid} is gone`
  return place === senders.placeOf(process.pid) ? null : `its sender ${senderPid} belongs to an app`
}

export const procSenders: Senders = {
  placeOf(pid) {
    try {
      const root = statSync(`/proc/${pid}/root/`, { bigint: true })
      const namespaces = ['pid', 'mnt'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`))
      return [root.dev, root.ino, ...namespaces].join(' ')
    } catch {
      return null
    }
  },
}
