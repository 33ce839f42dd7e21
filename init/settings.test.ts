import { expect, test } from 'vitest'
import { parseSettings, readSettings, settingWords } from './settings.ts'

const parse = (line: string) => parseSettings([settingWords(line.split(' '))])
const nothing = {
  ...{ manage: null, address: null, gateway: null, plan: null, nameServers: [] },
  ...{ hostname: null, group: null, crashLoop: { count: 5, seconds: 60 }, trial: null, faults: [] },
}

test('no settings at all', () => {
  expect(parse('root=/dev/vda console=ttyS0')).toEqual({ settings: nothing, problems: [] })
})

test('every setting', () => {
  const line =
    'solocloud.manage=[::]:5678 solocloud.insecure=yes solocloud.address=eth0:192.0.2.5/24 ' +
    'solocloud.gateway=192.0.2.1 solocloud.dns=192.0.2.2,2001:db8::2 solocloud.hostname=node7 solocloud.group=27 ' +
    'solocloud.crashloop=60/3600 solocloud.trial=900 solocloud.faults=start:segv*2,listen:/run/faults'
  expect(parse(line)).toEqual({
    settings: {
      manage: { host: '::', port: 5678 },
      address: { interface: 'eth0', cidr: { address: '192.0.2.5', prefix: 24 } },
      gateway: '192.0.2.1',
      plan: null,
      nameServers: ['192.0.2.2', '2001:db8::2'],
      hostname: 'node7',
      group: 27,
      crashLoop: { count: 60, seconds: 3600 },
      trial: 900,
      faults: [{ start: 'segv', lives: 2 }, { listen: { path: '/run/faults' } }],
    },
    problems: [],
  })
})

test('TCP management without the word insecure is refused, and the node goes on', () => {
  const { settings, problems } = parse('solocloud.manage=0.0.0.0:5678')
  expect(settings.manage).toBeNull()
  expect(problems).toEqual([expect.stringContaining('solocloud.insecure=yes')])
})

test.each([
  'manage=5678',
  'manage=host:0',
  'manage=host:65536',
  'manage=[host]:1',
  'insecure=true',
  'address=192.0.2.5',
  'address=0.0.0.0/0',
  'address=a/b:192.0.2.5/24',
  'gateway=gateway',
  'dns=192.0.2.1,',
  'hostname=-a',
  'hostname=',
  'group=sudo',
  'group=-1',
  'group=4294967295',
  'crashloop=5',
  'trial=15m',
  'trial=604801',
  'crashloop=0/60',
  'crashloop=61/60',
  'crashloop=5/0',
  'crashloop=5/3601',
  'crashloop=5/60/1',
  'faults=',
  'faults=segv',
  'unknown=1',
])('solocloud.%s is reported and ignored', (word) => {
  const { settings, problems } = parse(`solocloud.${word}`)
  expect(settings).toEqual(nothing)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(`solocloud.${word.split('=')[0] ?? ''}`)
})

test('the arguments come before the kernel command line, and that before the database', () => {
  const sources = [
    { hostname: 'a' },
    { hostname: 'b', dns: '192.0.2.2' },
    { dns: '192.0.2.3', gateway: '192.0.2.1' },
  ]
  const { settings, problems } = parseSettings(sources.map((s) => new Map(Object.entries(s))))
  expect(settings).toMatchObject({
    hostname: 'a',
    nameServers: ['192.0.2.2'],
    gateway: '192.0.2.1',
  })
  expect(problems).toEqual(['solocloud.gateway is ignored: it needs solocloud.address'])
})

test('in a container the kernel command line is not ours', () => {
  const native = { ownsMachine: () => 0 }
  const stored = (key: string) => (key === 'hostname' ? 'stored' : null)
  expect(readSettings(native, ['solocloud.dns=192.0.2.2'], stored).settings).toEqual({
    ...nothing,
    hostname: 'stored',
    nameServers: ['192.0.2.2'],
  })
})

test('faults never come from the state database', () => {
  const native = { ownsMachine: () => 0 }
  const stored = () => 'start:segv'
  const { settings, problems } = readSettings(native, [], stored)
  expect(settings.faults).toEqual([])
  expect(problems.filter((problem) => problem.includes('faults'))).toEqual([])
  const words = ['solocloud.faults=start:bus']
  expect(readSettings(native, words, stored).settings.faults).toEqual([{ start: 'bus', lives: 1 }])
})

const plan = {
  interfaces: [
    {
      ...{ name: 'eth0', mac: '52:54:00:12:34:56', mtuBytes: null, dhcp4: true, autoconf6: false },
      ...{ addresses: [], routes: [] },
    },
  ],
  ...{ nameServers: ['192.0.2.53'], searchDomains: [] },
}
const readPlan = (words: string[], stored: string | null) =>
  readSettings({ ownsMachine: () => 0 }, words, (key) => (key === 'network' ? stored : null))

test('the plan of the network comes from the state database', () => {
  const { settings, problems } = readPlan([], JSON.stringify(plan))
  expect(settings.plan).toEqual(plan)
  expect(problems).toEqual([])
})

test('the plan of the network does not come from words', () => {
  const word = `solocloud.network=${JSON.stringify(plan)}`
  const { settings, problems } = readPlan([word], null)
  expect(settings.plan).toBeNull()
  expect(problems).toEqual([expect.stringContaining('only in the state database')])
  expect(readPlan([word.replace('eth0', 'eth1')], JSON.stringify(plan)).settings.plan).toEqual(plan)
})

test.each([
  ['{', 'expected JSON'],
  ['{}', 'network.interfaces must be an array'],
  [
    JSON.stringify(plan).replace('eth0', 'a b'),
    "network.interfaces[0].name must be an interface's",
  ],
])('the plan %s is ignored, with a sentence', (stored, sentence) => {
  const { settings, problems } = readPlan([], stored)
  expect(settings).toEqual(nothing)
  expect(problems).toEqual([expect.stringContaining(sentence)])
  expect(problems[0]?.length).toBeLessThan(250)
})
