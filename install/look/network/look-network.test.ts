import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { networkPlan } from '../../../protocol/network-plan.ts'
import { lookNetwork } from './look-network.ts'
import { FIXTURES, recordedFiles, recordedKernel } from './recorded-network.ts'

const names = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

test.each(names)('%s', (name) => {
  const found = lookNetwork(recordedFiles(name), recordedKernel(name))
  const expected: unknown = JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8'))
  expect(found).toEqual(expected)
  expect(networkPlan(found.plan, 'plan')).toEqual(found.plan)
})

test('what cloud-init was told gives the same plan as what it wrote', () => {
  const name = 'digitalocean-cloud-init-v1'
  const files = recordedFiles(name)
  const told = lookNetwork(
    { ...files, read: (path) => (path.startsWith('/etc/network/') ? null : files.read(path)) },
    recordedKernel(name),
  )
  expect(told.plan).toEqual(lookNetwork(files, recordedKernel(name)).plan)
  expect(told.warnings).toEqual([])
  expect(told.sources.map(({ source }) => source)).toEqual([
    '/var/lib/cloud/instance/network-config.json',
    '/var/lib/cloud/instance/network-config.json',
  ])
})

test('without a single file the addresses and routes are the same', () => {
  for (const name of ['centos7-ifcfg-static', 'ovh-on-link', 'openvz-centos-venet']) {
    const { plan } = lookNetwork(recordedFiles(name), recordedKernel(name))
    const nothing = { read: () => null, list: () => [] }
    const bare = lookNetwork(nothing, recordedKernel(name))
    const facts = ({ interfaces }: typeof plan) =>
      interfaces.map(({ addresses, routes, mac }) => ({ addresses, routes, mac }))
    expect(facts(bare.plan)).toEqual(facts(plan))
    expect(bare.warnings.length).toBeGreaterThan(0)
  }
})

test('files that are cut off or spoilt never throw, and the plan stays a plan', () => {
  const spoilt = fc.tuple(fc.constantFrom(...names), fc.nat(400), fc.string({ maxLength: 4 }))
  fc.assert(
    fc.property(spoilt, ([name, at, junk]) => {
      const there = recordedFiles(name)
      const spoil = (text: string | null) => (text === null ? null : text.slice(0, at) + junk)
      const files = { ...there, read: (path: string) => spoil(there.read(path)) }
      const found = lookNetwork(files, recordedKernel(name))
      expect(networkPlan(found.plan, 'plan')).toEqual(found.plan)
      // The kernel knows as many interfaces, whatever the files say.
      expect(found.plan.interfaces.length + found.problems.length).toBeGreaterThan(0)
    }),
  )
})
