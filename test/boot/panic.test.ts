// A kernel that panics: the next boot knows how the one before has ended, and what the kernel said.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeHistory } from '../../protocol/wire.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const PANIC_MS_MAX = 60_000

test('a panic, then a power cut, then a clean end: each is told by the next boot', async () => {
  await using guest = await Guest.make()
  const options = {
    append: ['unknown_nmi_panic'],
    firmwareStore: join(guest.dir, 'firmware'),
    onReboot: 'restart',
  } as const
  const boots = async (manage: string) =>
    nodeHistory(await cloudJson('node', 'crashes', manage), 'history').boots
  {
    await using vps = await guest.start(options)
    expect(await boots(vps.manage)).toEqual([])
    await vps.injectNmi()
    await vps.console.waitFor(/Kernel panic - not syncing/, PANIC_MS_MAX)
    // The panic resets the machine.
    const { position } = vps.console
    await vps.console.waitFor(/listening on 0\.0\.0\.0/, PANIC_MS_MAX * 2, position)
    await vps.waitForManagement()
    // The records are read last, as some are in devices that need a kernel module.
    await expect
      .poll(async () => (await boots(vps.manage))[0]?.panic, { timeout: PANIC_MS_MAX })
      .toMatch(/^\S.* Kernel panic - not syncing: NMI.*\n(.*\n)*.*Call Trace:\n/)
    expect(await boots(vps.manage)).toMatchObject([{ shutDown: null }])
    expect(await cloud('node', 'crashes', vps.manage)).toContain(
      'The boot before: not shut down, it began at',
    )
    await vps.powerCut()
  }
  {
    await using vps = await guest.start(options)
    const [last, first] = await boots(vps.manage)
    expect(last).toMatchObject({ shutDown: null, panic: null })
    expect(first?.panic).toContain('Kernel panic')
    await vps.powerOff()
  }
  await using vps = await guest.start(options)
  const [last, ...before] = await boots(vps.manage)
  expect([last?.shutDown?.how, last?.panic, before.length]).toEqual(['power-off', null, 2])
})
