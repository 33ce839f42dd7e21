// The systems to install over, as data. Whole installations take an hour and are not run here.
import { expect, test } from 'vitest'
import { addressOf, chosenVariants, defaultGateways, factsOf, VARIANTS } from './variants.ts'

const systems = Object.values(VARIANTS).map(({ system }) => system)

test('each thing that a system may be made of is there at least once', () => {
  expect(new Set(systems.map(({ bootLoader }) => bootLoader))).toEqual(new Set(['bios', 'uefi']))
  expect(new Set(systems.map(({ initramfs }) => initramfs))).toContain('dracut')
  expect(new Set(systems.map(({ root }) => root))).toEqual(new Set(['ext4', 'xfs']))
  expect(systems.some(({ separateBoot }) => separateBoot)).toBe(true)
  const fixed = systems.filter(({ network }) => network.addresses !== 'dhcp')
  expect(new Set(fixed.map(({ network }) => network.by))).toEqual(new Set(['ifupdown', 'networkd']))
})

test('what has addresses of its own is on a cable, and nothing else is', () => {
  for (const { system, here } of Object.values(VARIANTS))
    expect(here.length > 0).toBe(addressOf(system) !== null)
})

test('one has no IPv4 at either end', () => {
  const { system, here } = VARIANTS['ipv6'] ?? {}
  expect(JSON.stringify([system?.network, here])).not.toMatch(/\d+\.\d+\.\d+/)
})

test('an address is written as a URL has it', () => {
  const found = Object.values(VARIANTS).map(({ system }) => addressOf(system))
  expect(found).toEqual([null, '192.0.2.10', '192.0.2.10', '[fd00::10]'])
})

test('by name, in the order asked for; an unknown name is told with the known ones', () => {
  expect(chosenVariants(['xfs', 'dracut']).map(([name]) => name)).toEqual(['xfs', 'dracut'])
  expect(chosenVariants([]).map(([name]) => name)).toEqual(Object.keys(VARIANTS))
  expect(() => chosenVariants(['btrfs'])).toThrow('no system btrfs; there are dracut, uefi, ')
})

test('the facts of a system are the ones that it was made with', () => {
  for (const system of systems) {
    const printed = factsOf(system).map(([, text]) => text)
    expect(printed).toContain(system.root)
    if (system.network.addresses !== 'dhcp')
      expect(printed).toContain(system.network.addresses.join('\n'))
  }
})

test("the kernel's tables of routes tell the gateways", () => {
  const text = `Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
ens3 00000000 010200C0 0003 0 0 0 00000000 0 0 0
ens3 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
fd000000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000002 00000000 00000001 ens3
${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000066 00000001 00000000 00000003 ens3
${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200 lo
`
  expect(defaultGateways(text)).toEqual(['192.0.2.1', 'fe80::1'])
})

const ZERO = '0'.repeat(32)
