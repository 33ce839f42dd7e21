// The smallest machine: one app in 96 MB.
import { expect, test } from 'vitest'
import { getText } from '../../demo/get-text.ts'
import { imagePath } from '../../demo/tour.ts'
import { cloud } from '../run-cloud.ts'
import { Guest } from './guest.ts'

test('one app runs in 96 MB', async () => {
  await using guest = await Guest.make()
  await using vps = await guest.start({ memoryMb: 96, ports: [8001] })
  await cloud('start', vps.manage, imagePath('cpp-hello.txz'))
  const url = `http://${vps.address(8001)}/`
  await vps.waitForHttp(url, 30_000)
  expect(await getText(url)).toMatch(/^Hello from C\+\+/)
})
