// halt, reboot and poweroff by name, as OpenVZ and Xen run them inside the machine.
import { linkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { command } from '../../qemu/command.ts'
import { NodeFixture } from './node-fixture.ts'

const CASES = [
  { name: 'poweroff', status: 0 },
  { name: 'reboot', status: 129 },
] as const

test.each(CASES)('$name asks PID 1, which ends with $status', async ({ name, status }) => {
  await using fixture = await NodeFixture.make(name)
  const { node } = fixture
  linkSync(node.path('/sbin/init'), node.path(`/sbin/${name}`))
  const inside = ['--target', String(node.pid), '--mount', '--pid', '--net', '--root']
  // It is ended with everything else while it waits, so that its own end says nothing.
  await command('nsenter', [...inside, '--', `/sbin/${name}`]).catch(() => undefined)
  expect((await node.waitForExit()).code).toBe(status)
})
