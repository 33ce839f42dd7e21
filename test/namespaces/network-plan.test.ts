// A whole node on the network of the system that it was installed over: from the settings that `install` leaves
// beside a state database that is not there yet, over deaths and reboots. Needs root.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NetworkPlan } from '../../protocol/network-plan.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { command } from '../../qemu/command.ts'
import { causeFault } from '../cause-fault.ts'
import { cloudJson } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const FAULTS = '/run/solocloud/faults'
const SOON = { timeout: 20_000 }
const MAC = '02:00:00:00:00:0a'
const STATE = 'upper/var/lib/solocloud'

/** The hardware of the machine, which is the same at every boot. */
const HARDWARE = `#!/bin/sh
set -eu
ip link add dev eth0 address ${MAC} type veth peer name cable
ip link set dev cable up
exec "$@"
`
const cidr = (address: string, prefix: number) => ({ address, prefix })
const PLAN: NetworkPlan = {
  interfaces: [
    {
      ...{ name: 'ens3', mac: MAC, mtuBytes: 1400, dhcp4: false, autoconf6: false },
      addresses: [cidr('192.0.2.5', 32), cidr('2001:db8::5', 64)],
      routes: [
        { destination: cidr('0.0.0.0', 0), gateway: '198.51.100.1', metric: null },
        { destination: cidr('::', 0), gateway: 'fe80::1', metric: null },
      ],
    },
  ],
  ...{ nameServers: ['192.0.2.53'], searchDomains: ['example.com'] },
}
const RESOLV_CONF = '# Written by solocloud.\nsearch example.com\nnameserver 192.0.2.53\n'

let fixture: NodeFixture
let under: string

beforeAll(async () => {
  under = join(import.meta.dirname, '../../build/network-plan-hardware.sh')
  writeFileSync(under, HARDWARE, { mode: 0o700 })
  const settings = [`solocloud.faults=listen:${FAULTS}`]
  fixture = await NodeFixture.make('network-plan', { under, settings })
})
afterAll(async () => {
  rmSync(under)
  await fixture[Symbol.asyncDispose]()
})

/** As `install` leaves it. */
function leaveSettings(network: string): void {
  const state = join(fixture.scratch, STATE)
  for (const name of readdirSync(state).filter((one) => one.startsWith('state.db'))) {
    rmSync(join(state, name))
  }
  mkdirSync(state, { recursive: true })
  writeFileSync(join(state, 'settings.json'), JSON.stringify({ 'solocloud.network': network }))
}
const inNode = (...words: string[]): Promise<string> => {
  const [file = '', ...args] = fixture.node.inNetwork
  return command(file, [...args, ...words])
}
const status = async () => nodeStatus(await cloudJson('node', fixture.node.manage), 'node')

async function expectConfigured(): Promise<void> {
  await expect
    .poll(async () => (await status()).addresses, SOON)
    .toEqual(['192.0.2.5/32', '2001:db8::5/64'])
  expect(await inNode('ip', 'link', 'show', 'dev', 'ens3')).toMatch(
    /mtu 1400 [^]*02:00:00:00:00:0a/,
  )
  expect(await inNode('ip', 'route')).toMatch(/^default via 198\.51\.100\.1 dev ens3 .*onlink/m)
  expect(await inNode('ip', '-6', 'route')).toMatch(/^default via fe80::1 dev ens3 /m)
  const file = (key: string): string => `/proc/sys/net/ipv6/conf/ens3/${key}`
  expect(await inNode('cat', file('accept_ra'), file('autoconf'))).toBe('0\n0\n')
}

test('the first boot takes the plan from the settings that wait for it; /etc stays as it is', async () => {
  await fixture.reboot(() => leaveSettings(JSON.stringify(PLAN)))
  await expectConfigured()
  expect(readFileSync(join(fixture.scratch, STATE, 'resolv.conf'), 'utf8')).toBe(RESOLV_CONF)
  expect(existsSync(join(fixture.scratch, 'upper/etc/resolv.conf'))).toBe(false)
})

test('a death changes nothing', async () => {
  // IPv6 addresses are, until they are proven to be unique.
  await expect.poll(() => inNode('ip', 'addr'), SOON).not.toContain('tentative')
  const before = await inNode('ip', '-d', 'addr')
  await causeFault({ path: fixture.node.path(FAULTS) }, 'segv')
  await expect
    .poll(
      () =>
        status().then(
          ({ life }) => life,
          () => 0,
        ),
      SOON,
    )
    .toBe(2)
  await expectConfigured()
  expect(await inNode('ip', '-d', 'addr')).toBe(before)
  expect(fixture.node.console.text.match(/as set/g)).toHaveLength(1)
})

test('the next boot has it in its database', async () => {
  await fixture.reboot(() => rmSync(join(fixture.scratch, STATE, 'settings.json')))
  await expectConfigured()
})

test('a plan that cannot be read is complained about, and the node comes up', async () => {
  await fixture.reboot(() => leaveSettings('{"interfaces": 7}'))
  expect(fixture.node.console.text).toMatch(
    /solocloud\.network=\{"interfaces": 7\} is ignored: network\.interfaces must be an array/,
  )
  await expect.poll(() => inNode('ip', 'link', 'show', 'dev', 'eth0'), SOON).toContain('LOWER_UP')
})
