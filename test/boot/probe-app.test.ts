// Bad days in a guest: apps that die, fork storms, and apps that attack the node.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Vps } from '../../qemu/vps.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const RESTART_MS_MAX = 300
const ASK_MS_MAX = 180_000
const ORPHANS = 5000
const APPS = [
  { name: 'probe-ns', port: 8010, isolation: 'namespaces' },
  { name: 'probe-chroot', port: 8011, isolation: 'chroot' },
] as const

let guest: Guest
let vps: Vps
beforeAll(async () => {
  guest = await Guest.make()
  vps = await guest.start({ ports: APPS.map(({ port }) => port) })
  for (const app of APPS) await cloud('start', vps.manage, await probeImage(guest.dir, app))
})
afterAll(async () => {
  await vps.powerCut()
  await guest[Symbol.asyncDispose]()
})

/** A storm takes its time in emulation. */
async function ask(port: number, path: string): Promise<string> {
  const url = `http://${vps.address(port)}${path}`
  return (await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) })).text()
}

async function statusOf(name: string) {
  const apps = appStatuses(await cloudJson('ps', vps.manage), 'ps')
  const app = apps.find((one) => one.name === name)
  if (app === undefined) throw new Error(`no app ${name}`)
  return app
}

test.each(APPS)('a killed app runs again within 300 ms ($isolation)', async ({ name, port }) => {
  await expect(ask(port, '/crash')).rejects.toThrow()
  await vps.waitForHttp(`http://${vps.address(port)}/`, 30_000)
  const { restarts, lastExit, startedAt } = await statusOf(name)
  expect(restarts).toBe(1)
  expect(lastExit).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  const gapMs = Date.parse(startedAt ?? '') - Date.parse(lastExit?.at ?? '')
  expect(gapMs).toBeGreaterThan(0)
  expect(gapMs).toBeLessThanOrEqual(RESTART_MS_MAX)
})

test('a fork storm of 5,000 orphans leaves no zombie', async () => {
  const before = nodeStatus(await cloudJson('node', vps.manage), 'node').init.orphansReaped
  const storm = (port: number) => ask(port, `/storm?orphans=${ORPHANS / 2}&alive=250`)
  expect(await Promise.all(APPS.map(({ port }) => storm(port)))).toEqual([
    `done ${ORPHANS / 2}\n`,
    `done ${ORPHANS / 2}\n`,
  ])
  // Those of the chroot are orphans of PID 1; the others are their app's init's.
  await expect
    .poll(async () => nodeStatus(await cloudJson('node', vps.manage), 'node').init.orphansReaped)
    .toBeGreaterThanOrEqual(before + ORPHANS / 2)
  // Under plain chroot, /proc is the node's: it shows every process there is.
  await expect.poll(() => ask(8011, '/processes')).toContain('zombies 0\n')
  await expect.poll(() => ask(8010, '/processes')).toContain('zombies 0\n')
})

test.each(APPS)('root in an app reaches neither kernel nor disk ($isolation)', async ({ port }) => {
  const lines = (await ask(port, '/manage')).trim().split('\n')
  // The port is open in a guest (solocloud.insecure=yes); everything else is as on a node of one's own.
  expect(Object.fromEntries(lines.map((line) => line.split('\t')))).toMatchObject({
    socket: 'ENOENT',
    sysrq: 'EROFS',
    'core-pattern': 'EROFS',
    disk: 'EPERM',
    mount: 'EPERM',
    trace: 'EPERM',
  })
})

test('an app cannot bring the node down with a signal', async () => {
  await ask(8011, '/signal-init')
  await ask(8010, '/signal-init').catch(() => undefined) // There, pid 1 is its own init.
  await vps.waitForManagement()
  await vps.waitForHttp(`http://${vps.address(8011)}/`, 30_000)
})
