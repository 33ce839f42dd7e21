// One installation over a Debian and one purge, with every write of the disk recorded, and what the person
// had been told when.
import { join } from 'node:path'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { writeLogEnd } from '../../qemu/write-log.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import type { Recorded } from '../power-cut/cut-at-points.ts'
import type { Span, Step } from '../power-cut/points.ts'
import { type DebianGuest, NODE } from './debian-guest.ts'
import { expectAnswers, expectInstallation } from './node-steps.ts'

/** What a machine boots into. */
export type Booted = 'Debian' | 'node' | 'node with its app'
/** By which the first boot comes about; the entry of GRUB is the same after the confirmation. */
export type RecordedMethod = 'kexec' | 'grub'

export interface InstallRecording extends Recorded<Booted> {
  /** Between which the power is cut, each as often as the others of its list. */
  installation: readonly Span[]
  purge: readonly Span[]
}

/** The smallest of the examples, which the node runs when it is purged. */
export const APP = EXAMPLES.filter(({ name }) => name === 'cpp-hello')
const POWER_OFF_MS_MAX = 180_000

/** On a guest that is off, and is off again. */
export async function recordInstallation(
  guest: DebianGuest,
  method: RecordedMethod,
  report: (line: string) => void,
): Promise<InstallRecording> {
  const log = join(guest.dir, 'writes.log')
  const base = join(guest.dir, 'base.img')
  await copySparse(guest.disk, base)
  const { console } = await guest.start({ writeLog: log })
  await guest.waitForLogin()
  await guest.bring()

  let doneAt = await writeLogEnd(log)
  const span = async (name: string, act: () => Promise<unknown>): Promise<Span> => {
    const beganAt = doneAt
    const startMs = performance.now()
    await act()
    doneAt = await writeLogEnd(log)
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    report(`recorded ${name}: ${doneAt - beganAt} bytes in ${seconds} s`)
    return { name: `${method}, ${name}`, beganAt, doneAt }
  }
  const { position } = console
  const install = await span('install', async () => guest.install(`--method ${method}`))
  const firstBoot = await span('first boot', async () => guest.waitForNode(position))
  const confirm = await span('confirm', async () => guest.cloud('confirm', NODE))
  const push = await span('push', async () => {
    for (const { image } of APP) await guest.cloud('start', NODE, imagePath(image))
    await expectAnswers(guest, APP)
  })
  const purge = await span('purge', async () => guest.cloud('node', 'purge', NODE, '--yes'))
  await expectInstallation(guest, `${method} purged`)
  await guest.vps.powerOff(POWER_OFF_MS_MAX)
  const steps = [
    onTrial(method, install, firstBoot),
    { ...confirm, before: 'Debian', after: 'node' },
    { ...push, before: 'node', after: 'node with its app' },
    { ...purge, before: 'node with its app', after: 'node with its app' },
  ] as const
  const installation = [install, firstBoot, confirm]
  return { log, base, disk: guest.disk, steps, installation, purge: [purge] }
}

/** Until the node has taken its one boot back, GRUB may boot it; a kexec leaves no trace. */
function onTrial(method: RecordedMethod, { beganAt }: Span, { doneAt }: Span): Step<Booted> {
  const step = { name: 'trial', beganAt, doneAt, before: 'Debian', after: 'Debian' } as const
  return method === 'kexec' ? step : { ...step, meanwhile: 'node' }
}
