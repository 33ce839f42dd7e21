// A PID 1 that hangs on a real machine: in JavaScript, in the kernel, and with everything stuck but the watchdog.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeHistory, nodeStatus } from '../../protocol/wire.ts'
import type { FaultKind } from '../../init/fault-spec.ts'
import type { Vps } from '../../qemu/vps.ts'
import { causeFault } from '../cause-fault.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const PORT = 8010
const FAULT_PORT = 5700
const ANSWER_MS_MAX = 60_000
/** The ticks of a hang, the wait for what can't be ended, and an emulated machine's slowness. */
const REBOOT_MS_MAX = 150_000

let guest: Guest
beforeAll(async () => void (guest = await Guest.make()))
afterAll(() => guest[Symbol.asyncDispose]())

async function start(): Promise<Vps> {
  const append = [`solocloud.faults=listen:0.0.0.0:${FAULT_PORT}`]
  const vps = await guest.start({ ports: [PORT, FAULT_PORT], append })
  // The network comes after the machine's watchdog.
  await vps.console.waitFor(/by DHCP/, ANSWER_MS_MAX)
  return vps
}

function cause(vps: Vps, kind: FaultKind): Promise<void> {
  const [host = '', port] = vps.address(FAULT_PORT).split(':')
  return causeFault({ host, port: Number(port) }, kind)
}

const answers = (vps: Vps): Promise<number> =>
  vps.waitForHttp(`http://${vps.address(PORT)}/`, ANSWER_MS_MAX)

async function ask(vps: Vps): Promise<{ life: number; reasons: string[] }> {
  const { life } = nodeStatus(await cloudJson('node', vps.manage), 'node')
  const { crashes } = nodeHistory(await cloudJson('node', 'crashes', vps.manage), 'crashes')
  return { life, reasons: crashes.map(({ reason }) => reason) }
}

test('endless JavaScript: a new life within seconds', async () => {
  await using vps = await start()
  await cloud('start', vps.manage, await probeImage(guest.dir, { name: 'probe', port: PORT }))
  await answers(vps)
  await cause(vps, 'hang')
  await expect
    .poll(async () => (await ask(vps).catch(() => null))?.life, { timeout: 60_000 })
    .toBe(2)
  expect((await ask(vps)).reasons[0]).toBe('hang')
  await answers(vps)
  await vps.powerOff()
})

test('a sleep in the kernel that nothing ends: the apps go on, then the machine restarts', async () => {
  await using vps = await start()
  await answers(vps)
  const frozen = performance.now()
  await cause(vps, 'freeze')
  await answers(vps)
  await vps.console.waitFor(/a thread of init hangs in the kernel/, REBOOT_MS_MAX)
  const { reason } = await vps.waitForExit()
  expect(reason).toBe('guest-reset')
  expect(performance.now() - frozen).toBeGreaterThan(60_000)
})

test('a shutdown ends also when a disk never answers: an app and init sleep in the kernel', async () => {
  await using vps = await start()
  await answers(vps)
  await cause(vps, 'frozen-disk')
  // Its log line is one write to the disk too many for init, its file one for the app.
  const asked = fetch(`http://${vps.address(PORT)}/write`).catch(() => null)
  const { code } = await runCloud(['poweroff', vps.manage])
  expect(code).toBe(0)
  expect(await vps.waitForExit(REBOOT_MS_MAX)).toMatchObject({ reason: 'guest-shutdown', code: 0 })
  await asked
})

test('a processor that nobody gets: the watchdog, which is not fed any more, resets the machine', async () => {
  await using vps = await start()
  await cause(vps, 'starve')
  const starved = performance.now()
  const { reason } = await vps.waitForExit(REBOOT_MS_MAX)
  expect(reason).toBe('guest-reset')
  expect(performance.now() - starved).toBeGreaterThan(30_000)
})
