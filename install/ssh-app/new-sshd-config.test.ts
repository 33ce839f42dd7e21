import { expect, test } from 'vitest'
import { OldSystemFixture } from './fixture-old-system.ts'
import { listening } from './new-sshd-config.ts'
import { oldFiles } from './old-files.ts'
import { hasMatchBlocks, readOptions, type SshdOptions } from './sshd-options.ts'

function parsed(config: string, others: Readonly<Record<string, string>> = {}): SshdOptions {
  using old = new OldSystemFixture({ '/etc/ssh/sshd_config': config, ...others })
  return readOptions(oldFiles(old.root), old.source(), '/usr/sbin/sshd')
}

const EVERYWHERE = { addresses: [], warnings: [] }

test.each([
  ['', { ...EVERYWHERE, ports: [22] }],
  ['Port 22\nPort 2222', { ...EVERYWHERE, ports: [22, 2222] }],
  ['port=2222', { ...EVERYWHERE, ports: [2222] }],
  ['ListenAddress 0.0.0.0\nListenAddress ::', { ...EVERYWHERE, ports: [22] }],
  ['ListenAddress 192.0.2.5', { ports: [22], addresses: ['192.0.2.5:22'], warnings: [] }],
  [
    'ListenAddress 192.0.2.5:2200\nListenAddress 127.0.0.1',
    { ports: [22, 2200], addresses: ['192.0.2.5:2200'], warnings: [] },
  ],
  [
    'Port 2200\nListenAddress [2001:db8::5]',
    { ports: [2200], addresses: ['[2001:db8::5]:2200'], warnings: [] },
  ],
  ['ListenAddress 2001:db8::5', { ports: [22], addresses: ['[2001:db8::5]:22'], warnings: [] }],
  ['ListenAddress 127.0.0.1', { ports: [22], addresses: ['127.0.0.1:22'], warnings: [] }],
])('%j', (config, expected) => {
  expect(listening(parsed(config), null)).toEqual(expected)
})

test('several addresses are not waited for', () => {
  const config = 'ListenAddress 192.0.2.5\nListenAddress 198.51.100.7'
  const { addresses, warnings } = listening(parsed(config), null)
  expect(addresses).toEqual([])
  expect(warnings).toEqual([expect.stringContaining('every address')])
})

test('the port by which somebody came stays open', () => {
  const connection = '203.0.113.9 40000 192.0.2.5 2022'
  const found = listening(parsed('ListenAddress 127.0.0.1:22'), connection)
  expect(found).toMatchObject({ ports: [22, 2022], addresses: [] })
  expect(found.warnings).toEqual([expect.stringContaining('port 2022')])
  expect(listening(parsed('Port 2022'), connection).warnings).toEqual([])
})

test('includes stand in their place, the first of two counts, and Match blocks do not', () => {
  const options = parsed(
    'Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes # really\n' +
      'Match User x\n  PermitRootLogin no\n  Banner none\nMatch all\nUseDNS "no"\n',
    { '/etc/ssh/sshd_config.d/50-cloud.conf': 'PermitRootLogin without-password\nMatch User y\n' },
  )
  expect(options.get('permitrootlogin')).toEqual([['without-password']])
  expect(options.get('banner')).toBeUndefined()
  expect(options.get('usedns')).toEqual([['no']])
})

test('whether there are Match blocks', () => {
  for (const [config, expected] of [
    ['Match User x\n', true],
    ['# Match User x\n', false],
  ] as const) {
    using old = new OldSystemFixture({ '/etc/ssh/sshd_config': config })
    expect(hasMatchBlocks(oldFiles(old.root))).toBe(expected)
  }
})
