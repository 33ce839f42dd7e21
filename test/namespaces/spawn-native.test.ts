// Native.spawn with CLONE_NEW* flags: the child is pid 1 of its own namespaces. Needs root.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { buildAddon, scratch } from '../native/build-addon.ts'

const place = scratch('spawn-native')
afterAll(() => place.remove())

test('a child has the namespaces that were asked for, and shares the network', () => {
  const script = join(import.meta.dirname, 'spawn-native-probe.ts')
  const flags = ['--pid', '--mount', '--net', '--uts', '--ipc', '--fork', '--kill-child']
  const output = execFileSync('unshare', [...flags, process.execPath, script], {
    env: { SOLOCLOUD_ADDON: buildAddon(place.dir) },
    timeout: 30_000,
    encoding: 'utf8',
  })
  expect(output).toBe('pid 1, shared net\nreaped true, exit code 0\n')
})
