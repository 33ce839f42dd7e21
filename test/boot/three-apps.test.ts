// The scenario that must always work: a C++ app and two Node.js apps on a VPS with 256 MB.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkDisk, needsRecovery } from '../../qemu/disk.ts'
import type { Vps } from '../../qemu/vps.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { getText } from '../../demo/get-text.ts'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const PORTS = EXAMPLES.map(({ port }) => port)
const UNRECLAIMABLE_BYTES_MAX = 24 * 1024 ** 2
const ANSWER_MS_MAX = 60_000

let guest: Guest
let vps: Vps
beforeAll(async () => {
  guest = await Guest.make()
  vps = await guest.start({ ports: PORTS })
})
afterAll(async () => {
  await vps.powerCut()
  await guest[Symbol.asyncDispose]()
})

async function expectAnswers(): Promise<void> {
  for (const { port, answer } of EXAMPLES) {
    const url = `http://${vps.address(port)}/`
    await vps.waitForHttp(url, ANSWER_MS_MAX)
    expect(await getText(url)).toMatch(answer)
  }
}

test('three apps are pushed and answer', async () => {
  for (const { image } of EXAMPLES) await cloud('start', vps.manage, imagePath(image))
  await expectAnswers()
  const apps = appStatuses(await cloudJson('ps', vps.manage), 'ps')
  expect(apps.map(({ name, state, isolation }) => `${name} ${state} ${isolation}`)).toEqual([
    'cpp-hello running namespaces',
    'node-frontend running namespaces',
    'node-greeter running namespaces',
  ])
})

test('after a push, PID 1 holds little memory, and nothing on the node is degraded', async () => {
  const status = async () => nodeStatus(await cloudJson('node', vps.manage), 'node')
  // What a push left behind is collected a moment later.
  await expect
    .poll(async () => (await status()).init.unreclaimableBytes, { timeout: 10_000, interval: 1000 })
    .toBeLessThanOrEqual(UNRECLAIMABLE_BYTES_MAX)
  const node = await status()
  expect(node.init.unreclaimableBytes).toBeGreaterThan(1024 ** 2)
  expect(node.degraded).toEqual([])
  expect(node.apps).toEqual({ total: 3, running: 3 })
})

test('the power button ends in a clean unmount, and the apps are back at the next boot', async () => {
  expect(await vps.powerOff()).toMatchObject({ reason: 'guest-shutdown', code: 0 })
  expect(await needsRecovery(guest.disk)).toBe(false)
  await checkDisk(guest.disk)
  vps = await guest.start({ ports: PORTS, append: ['splash', 'init=/sbin/solocloud'] })
  await expectAnswers()
})

test('under the name of the file, which is no role, the kernel starts it as init', async () => {
  expect(vps.console.text).toContain('initramfs: /sbin/solocloud is the init\n')
  const node = nodeStatus(await cloudJson('node', vps.manage), 'node')
  expect(node.degraded).toEqual([])
})

test('after a reset the apps are back without a push', async () => {
  await vps.reset()
  await vps.waitForManagement()
  await expectAnswers()
})

test('cloud stop ends an app and gives its disk space back', async () => {
  const free = async () => nodeStatus(await cloudJson('node', vps.manage), 'node').disk.freeBytes
  const before = await free()
  await cloud('stop', vps.manage, 'node-greeter.tzst')
  await expect(getText(`http://${vps.address(8002)}/`)).rejects.toThrow()
  expect((await free()) - before).toBeGreaterThan(100 * 1024 ** 2)
})

test('cloud reboot restarts the machine, cloud poweroff turns it off', async () => {
  await cloud('reboot', vps.manage)
  expect(await vps.waitForExit()).toMatchObject({ reason: 'guest-reset', code: 0 })
  vps = await guest.start({ ports: PORTS })
  await cloud('poweroff', vps.manage)
  expect(await vps.waitForExit()).toMatchObject({ reason: 'guest-shutdown', code: 0 })
  expect(await needsRecovery(guest.disk)).toBe(false)
})
