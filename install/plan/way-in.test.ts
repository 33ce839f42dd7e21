import { expect, test } from 'vitest'
import type { Circumstances } from '../look/look.ts'
import { DEBIAN, look, ORDINARY } from '../recorded-systems.ts'
import type { InstallOptions } from './install-plan.ts'
import { wayIn, type WayIn } from './way-in.ts'

const OPTIONS: InstallOptions = {
  ...{ method: 'auto', trialMs: 900_000, ssh: true, manage: null, insecure: false },
  ...{ purge: false, keep: [] },
}

function from(connection: string, about: Partial<Circumstances> = {}, manage?: string): WayIn {
  const environ = `SSH_CONNECTION=192.0.2.7 50000 ${connection}\0`
  const system = look({ ...DEBIAN, '/proc/self/environ': environ }, about)
  return wayIn(system, { ...OPTIONS, manage: manage ?? null })
}

test('as the person came', () => {
  expect(from('203.0.113.5 22')).toEqual({
    ssh: 'ssh root@203.0.113.5',
    node: 'ssh://root@203.0.113.5',
  })
  expect(from('203.0.113.5 22', { loginName: 'debian' }).ssh).toBe('ssh debian@203.0.113.5')
})

test('only who may manage is named, and a port that is not the usual one', () => {
  const ssh = ORDINARY.ssh === null ? null : { ...ORDINARY.ssh, ports: [22, 2222] }
  expect(from('2001:db8::7 2222', { ssh, loginName: 'bob' })).toEqual({
    ssh: 'ssh -p 2222 root@2001:db8::7',
    node: 'ssh://root@[2001:db8::7]:2222',
  })
})

test('behind a private address the machine has another name', () => {
  expect(from('10.0.2.15 22').ssh).toBe('ssh root@2001:db8::5')
  const { network } = ORDINARY
  const plan = { ...network.plan, interfaces: [] }
  expect(from('10.0.2.15 22', { network: { ...network, plan } }).node).toBe('ssh://root@HOST')
})

test('without ssh it is the address of the management', () => {
  const about = { ssh: null }
  expect(from('203.0.113.5 22', about, '0.0.0.0:5678')).toEqual({
    ssh: null,
    node: '203.0.113.5:5678',
  })
  expect(from('203.0.113.5 22', about, 'node.example:1').node).toBe('node.example:1')
  expect(from('2001:db8::7 22', about, '[::]:1').node).toBe('[2001:db8::7]:1')
})
