// A disk that an image does not fit on: the app that runs goes on, and the space comes back.
import { expect, test } from 'vitest'
import { getText } from '../../demo/get-text.ts'
import { imagePath } from '../../demo/tour.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { Guest } from './guest.ts'

/** Room for /sbin/init and one image of 110 MiB, not for two. */
const DISK_MB = 340
const ANSWER_MS_MAX = 60_000

test('a push that the disk has no room for changes nothing', async () => {
  await using guest = await Guest.make(DISK_MB)
  await using vps = await guest.start({ ports: [8002] })
  const free = async () => nodeStatus(await cloudJson('node', vps.manage), 'node').disk.freeBytes
  await cloud('start', vps.manage, imagePath('node-greeter.tzst'))
  const url = `http://${vps.address(8002)}/`
  await vps.waitForHttp(url, ANSWER_MS_MAX)
  const before = await free()

  const { code, stderr } = await runCloud(['start', vps.manage, imagePath('node-frontend.tzst')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/node-frontend: .*(disk|space)/i)

  expect(await getText(url)).toMatch(/^Hello world/)
  // Log lines and the database may have taken a block or two.
  await expect.poll(async () => Math.abs((await free()) - before)).toBeLessThan(1024 ** 2)
})
