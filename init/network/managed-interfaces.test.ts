import { beforeEach, expect, test } from 'vitest'
import type { Link } from '../../netlink/link.ts'
import type { NetworkPlan, PlannedInterface } from '../../protocol/network-plan.ts'
import { FakeKernel, fakeLink } from './fake-kernel.ts'
import { FakeTimers } from './fake-timers.ts'
import { configDigest } from './interface-config.ts'
import { NOTHING_KEPT, type KeptNetwork } from './kept-network.ts'
import { ManagedInterfaces } from './managed-interfaces.ts'

const MAC_A = '02:00:00:00:00:0a'
const MAC_B = '02:00:00:00:00:0b'
const planned = (name: string, mac: string, address: string): PlannedInterface => ({
  ...{ name, mac, mtuBytes: null, dhcp4: false, autoconf6: false, routes: [] },
  addresses: [{ address, prefix: 24 }],
})
const wan = planned('wan', MAC_A, '192.0.2.5')
const lan = planned('eth0', MAC_B, '10.0.0.5')
const planOf = (...interfaces: PlannedInterface[]): NetworkPlan => ({
  ...{ interfaces, nameServers: [], searchDomains: [] },
})
const loopback = { ...fakeLink(1, 'lo', '00:00:00:00:00:00'), up: true }
const a = fakeLink(2, 'eth0', MAC_A)
const b = fakeLink(3, 'eth1', MAC_B)

let timers: FakeTimers
let problems: string[]
beforeEach(() => {
  timers = new FakeTimers()
  problems = []
})

function manage(plan: NetworkPlan | null, links: Link[], resumed: KeptNetwork = NOTHING_KEPT) {
  const kernel = new FakeKernel(links)
  const warn = (problem: string): void => void problems.push(problem)
  const reconcile = (): void => interfaces.reconcile(kernel)
  const interfaces: ManagedInterfaces = new ManagedInterfaces({
    ...{ plan, words: { address: null, gateway: null }, resumed, timers, warn },
    environment: (rtnetlink) => ({
      ...{ rtnetlink, timers, warn, random: () => 0.5, hostname: null },
      files: { read: () => '0', write: () => undefined },
      openDhcpSocket: (_, { index }) => {
        kernel.story.push(`dhcp ${index}`)
        return { send: () => undefined, close: () => undefined }
      },
      ...{ say: () => undefined, changed: () => undefined },
    }),
    added: ({ name }) => kernel.story.push(`added ${name}`),
    removed: (index) => kernel.story.push(`removed ${index}`),
    again: reconcile,
  })
  reconcile()
  return { kernel, interfaces, reconcile }
}

test('names first, then the configurations under these names', () => {
  const { kernel } = manage(planOf(wan, lan), [loopback, a, b])
  expect(kernel.story).toEqual([
    ...['name 2 wan', 'name 3 eth0'],
    ...['added wan', 'up 2', 'address 2 192.0.2.5/24'],
    ...['added eth0', 'up 3', 'address 3 10.0.0.5/24'],
  ])
  expect(problems).toEqual([])
})

test('none of the plan’s interfaces is there: DHCP, after they had time to come, and a complaint', () => {
  const { kernel, interfaces, reconcile } = manage(planOf(wan), [loopback, b])
  timers.advance(9999)
  reconcile()
  expect(kernel.story).toEqual([])
  timers.advance(1)
  expect(kernel.story).toEqual(['added eth1', 'up 3', 'dhcp 3'])
  expect(problems).toEqual([
    'wan (02:00:00:00:00:0a) of solocloud.network not found: DHCP on every interface',
  ])
  expect(interfaces.fallback).toBe(true)
  reconcile()
  timers.advance(60_000)
  expect(problems.filter((problem) => problem.includes('not found'))).toHaveLength(1)
})

test('one that comes in time is waited for; one that comes late is configured all the same', () => {
  const { kernel, interfaces, reconcile } = manage(planOf(wan), [loopback])
  timers.advance(9000)
  kernel.plug(a)
  reconcile()
  kernel.plug(b)
  timers.advance(60_000)
  reconcile()
  expect(interfaces.fallback).toBe(false)
  expect(kernel.story).toEqual(['name 2 wan', 'added wan', 'up 2', 'address 2 192.0.2.5/24'])
  const late = manage(planOf(wan), [loopback, b])
  timers.advance(10_000)
  late.kernel.plug(a)
  late.reconcile()
  expect(late.kernel.names()).toEqual(['lo', 'eth1', 'wan'])
  expect([...late.interfaces.all.keys()]).toEqual([3, 2])
})

test('an interface that is gone is forgotten', () => {
  const { kernel, interfaces, reconcile } = manage(null, [loopback, a])
  kernel.plug({ ...a, master: 9 })
  reconcile()
  expect(kernel.story.at(-1)).toBe('removed 2')
  expect(interfaces.all.size).toBe(0)
})

/** The next life's `resumed`. */
const kept = (link: number, mac: string, digest: string): KeptNetwork => ({
  ...{ leases: [], servers: [], fixed: [{ link, mac: mac.replaceAll(':', ''), digest }] },
})

test('what the life before has configured keeps its name and its state', () => {
  const up = { ...a, up: true }
  const { kernel, interfaces } = manage(planOf(wan), [loopback, up], kept(2, MAC_A, 'another plan'))
  expect(kernel.story).toEqual(['added eth0', 'up 2', 'address 2 192.0.2.5/24'])
  expect(interfaces.all.get(2)?.digest).toBe(configDigest(wan))
})

test('one that is up and not ours keeps its name; one that came up under the wrong name is renamed', () => {
  const foreign = { ...b, name: 'wan', up: true }
  const { kernel } = manage(planOf(wan), [loopback, a, foreign])
  expect(kernel.names()).toEqual(['lo', 'eth0', 'wan'])
  expect(kernel.story).toContain('address 2 192.0.2.5/24')
  const early = manage(planOf(wan), [loopback, { ...a, up: true }])
  expect(early.kernel.story.slice(0, 2)).toEqual(['down 2', 'name 2 wan'])
  expect(early.kernel.story).toContain('up 2')
})
