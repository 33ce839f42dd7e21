// An installation by kexec from its beginning to the purge, on an old system that runs and has the file.
import { imagePath, type Example } from '../../demo/tour.ts'
import { type DebianGuest, NODE } from './debian-guest.ts'
import {
  expectAnswers,
  expectInstallation,
  expectRunning,
  purge,
  rebootNode,
} from './node-steps.ts'
import { timed, type Report } from './timed.ts'

/** A Debian without anything: 370 MB, less what stays. */
const PURGED_MB_MIN = 200

export interface WholeInstallation {
  /** The apps that are pushed. */
  examples: readonly Example[]
  /** What else holds on the node, from its first boot to the last. Rejects with what does not. */
  check: () => Promise<void>
  report: Report
}

/** The guest is off in the end. Rejects with what does not hold. */
export async function wholeInstallation(
  guest: DebianGuest,
  { examples, check, report }: WholeInstallation,
): Promise<void> {
  const expectApps = async () => {
    await expectRunning(guest, examples)
    await expectAnswers(guest, examples)
    await check()
  }
  const known = await guest.knownHosts()
  const { position } = guest.vps.console
  const boots = bootsOf(guest)
  await timed(report, '`install --yes` to the node', async () => {
    await guest.install('')
    await guest.waitForNode(position)
  })
  if (bootsOf(guest) > boots) throw new Error('the boot loader has started the node, not kexec')

  await timed(report, 'pushed', async () => {
    for (const { image } of examples) await guest.cloud('start', NODE, imagePath(image))
  })
  await expectApps()
  const words = await guest.cloud('confirm', NODE)
  if (!words.includes('confirmed')) throw new Error(`\`cloud confirm\` says ${words}`)
  await timed(report, 'a reboot of the node by GRUB', async () => rebootNode(guest))
  await expectApps()

  const { beforeMb, afterMb } = await timed(report, 'the purge', async () => purge(guest))
  report(`disk in use: ${beforeMb} MB, after the purge ${afterMb} MB`)
  if (beforeMb - afterMb < PURGED_MB_MIN) throw new Error(`less than ${PURGED_MB_MIN} MB purged`)
  await expectApps()
  await timed(report, 'a reboot of the purged node', async () => rebootNode(guest))
  await expectApps()
  await expectInstallation(guest, 'kexec purged')
  if ((await guest.knownHosts()) !== known) throw new Error('the host keys are others')
  await guest.powerOff()
}

/** By the boot loader, since the power is on. */
const bootsOf = (guest: DebianGuest): number => guest.vps.console.text.split('Booting `').length - 1
