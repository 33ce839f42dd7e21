// The smallest machine: 96 MB run an app, and refuse a push instead of stalling.
import { expect, test } from 'vitest'
import { getText } from '../../demo/get-text.ts'
import { imagePath } from '../../demo/tour.ts'
import { appStatuses } from '../../protocol/wire.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const ANSWER_MS_MAX = 60_000

test('one app runs in 96 MB; it was pushed when there were 128', async () => {
  await using guest = await Guest.make()
  {
    await using vps = await guest.start({ memoryMb: 128, ports: [8001] })
    await cloud('start', vps.manage, imagePath('cpp-hello.txz'))
    await vps.powerOff()
  }
  await using vps = await guest.start({ memoryMb: 96, ports: [8001] })
  const url = `http://${vps.address(8001)}/`
  await vps.waitForHttp(url, ANSWER_MS_MAX)
  expect(await getText(url)).toMatch(/^Hello from C\+\+/)
  await cloud('restart', vps.manage, 'cpp-hello')

  const { code, stderr } = await runCloud(['start', vps.manage, imagePath('cpp-hello.txz')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/Unpacking wants 32 MiB of memory/)
  const apps = appStatuses(await cloudJson('ps', vps.manage), 'ps')
  expect(apps).toMatchObject([{ name: 'cpp-hello', state: 'running', generation: 1 }])
})
