import { expect, test } from 'vitest'
import { configuredResolver } from './configured-resolver.ts'

const plan = {
  ...{ interfaces: [], nameServers: ['192.0.2.53'] },
  searchDomains: ['example.com', 'evil\nnameserver 203.0.113.1', ''],
}
const nothing = { nameServers: [], searchDomains: [] }
const planned = { nameServers: ['192.0.2.53'], searchDomains: ['example.com'] }

test('the plan’s servers come first, with its domains, as far as these are names', () => {
  expect(configuredResolver([], plan, false)).toEqual({ preferred: planned, spare: nothing })
  expect(configuredResolver([], null, false)).toEqual({ preferred: nothing, spare: nothing })
})

test('words take the place of the plan’s servers', () => {
  expect(configuredResolver(['203.0.113.53'], plan, false)).toEqual({
    preferred: { ...planned, nameServers: ['203.0.113.53'] },
    spare: nothing,
  })
})

test('elsewhere what the network offers is better', () => {
  expect(configuredResolver([], plan, true)).toEqual({ preferred: nothing, spare: planned })
})
