// What the old system runs on: whose kernel it is decides what can be replaced.
import type { OldSystem } from './old-system.ts'

export type Container = 'OpenVZ' | 'LXC' | 'a container'
export type Machine =
  | 'bare metal'
  | 'KVM'
  | 'VMware'
  | 'Hyper-V'
  | 'a virtual machine'
  | 'Xen HVM'
  | 'Xen PV'
  | 'Xen PVH'
  | 'a Xen host'
export type Virtualisation = Container | Machine

/** PROC_PID_INIT_INO of <linux/proc_ns.h>. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

export function isContainer(virtualisation: Virtualisation): virtualisation is Container {
  return ['OpenVZ', 'LXC', 'a container'].includes(virtualisation)
}

export function lookVirtualisation(old: OldSystem): Virtualisation {
  return lookContainer(old) ?? lookXen(old) ?? lookMachine(old)
}

function lookContainer(old: OldSystem): Container | null {
  if (isOpenVz(old)) return 'OpenVZ'
  const environment = old.text('/proc/1/environ') ?? ''
  const named = /(?:^|\0)container=([^\0]*)/.exec(environment)?.[1]
  const name = named ?? old.line('/run/systemd/container')
  if (name.startsWith('lxc')) return 'LXC'
  const marked = old.exists('/.dockerenv') || old.exists('/run/.containerenv')
  const namespace = old.link('/proc/self/ns/pid') ?? INITIAL_PID_NAMESPACE
  return name !== '' || marked || namespace !== INITIAL_PID_NAMESPACE ? 'a container' : null
}

/** /proc/vz is there on the host too, /proc/bc only there. A container's own number is not 0. */
function isOpenVz(old: OldSystem): boolean {
  if (old.exists('/proc/vz') && !old.exists('/proc/bc')) return true
  const id = /^envID:\s*(\S+)/m.exec(old.text('/proc/self/status') ?? '')?.[1] ?? '0'
  return id !== '0'
}

function lookXen(old: OldSystem): Machine | null {
  const capabilities = old.text('/proc/xen/capabilities')
  if (old.line('/sys/hypervisor/type') !== 'xen' && capabilities === null) return null
  if (capabilities?.includes('control_d') === true) return 'a Xen host'
  // Since Linux 4.13.
  switch (old.line('/sys/hypervisor/guest_type')) {
    case 'PV':
      return 'Xen PV'
    case 'PVH':
      return 'Xen PVH'
    case 'HVM':
      return 'Xen HVM'
    default:
      // Only a machine with firmware describes itself.
      return old.exists('/sys/class/dmi/id/product_name') ? 'Xen HVM' : 'Xen PV'
  }
}

const VENDORS: readonly (readonly [RegExp, Machine])[] = [
  [/VMware/, 'VMware'],
  [/^Microsoft Corporation Virtual Machine/, 'Hyper-V'],
  [/QEMU|KVM|OpenStack|Amazon EC2|Google|DigitalOcean|Hetzner|Vultr|Linode|Scaleway/, 'KVM'],
]

function lookMachine(old: OldSystem): Machine {
  const isVirtual = /^flags\s*:.*\bhypervisor\b/m.test(old.text('/proc/cpuinfo') ?? '')
  if (!isVirtual) return 'bare metal'
  const described = ['sys_vendor', 'product_name'].map((name) =>
    old.line(`/sys/class/dmi/id/${name}`),
  )
  const known = VENDORS.find(([vendor]) => vendor.test(described.join(' ')))
  return known?.[1] ?? 'a virtual machine'
}
