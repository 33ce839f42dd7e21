// `solocloud install` over a real Debian 12 of 256 MB, by ssh, as a person would; and each way back while the
// node is on trial.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { userCacheDir } from '../../qemu/cache.ts'
import { pygrub } from '../../qemu/pygrub.ts'
import { DebianGuest, NODE, type Suspended } from './debian-guest.ts'
import {
  expectAnswers,
  expectInstallation,
  expectRunning,
  purge,
  rebootNode,
} from './node-steps.ts'
import { seconds, timed as timedBy } from './timed.ts'

const PREPARE_MS_MAX = 1_800_000
const TEST_MS_MAX = 1_800_000
/** The end of the trial, or a kernel's panic=30, and a Debian's shutdown. */
const GO_BACK_MS_MAX = 300_000
/** A Debian without anything: 370 MB, less what stays. */
const PURGED_MB_MIN = 200

let old: DebianGuest
/** The old system with the file brought, and the node that `install` has made of it, by kexec, on trial. */
let prepared: Suspended
let node: DebianGuest
let onTrial: Suspended
beforeAll(async () => {
  old = await DebianGuest.make({ ports: EXAMPLES.map(({ port }) => port) })
  const vps = await old.start()
  await vps.console.waitFor(/Booting `Debian GNU\/Linux'/, GO_BACK_MS_MAX)
  const ms = await old.waitForLogin()
  say(`Debian by GRUB: power-on to login ${seconds(ms)}`)
  const facts = 'cat /proc/1/comm; findmnt -no SOURCE /; uname -r; sudo id -u'
  const found = await old.ssh.get(facts, { user: 'debian' })
  expect(found).toMatch(/^systemd\n\/dev\/vda1\n6\.1\S+-cloud-amd64\n0\n$/)
  await timed('the file copied by scp', async () => old.bring())
  prepared = await old.suspend()
  node = await prepared.resume()
  const { position } = node.vps.console
  await timed('`install --yes` to the node', async () => {
    await node.install('')
    await node.waitForNode(position)
  })
  onTrial = await node.suspend()
}, PREPARE_MS_MAX)
afterAll(async () => {
  for (const guest of [node, old]) await guest[Symbol.asyncDispose]()
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const timed = <T>(what: string, act: () => Promise<T>): Promise<T> => timedBy(say, what, act)

async function expectApps(guest: DebianGuest): Promise<void> {
  await expectRunning(guest, EXAMPLES)
  await expectAnswers(guest, EXAMPLES)
}

test(
  'kexec: the same ssh reaches the node, which runs three apps, stays, and outlives the old system',
  async () => {
    // It was not the boot loader that has started it.
    expect(node.vps.console.text).not.toContain('Booting `')
    const known = await old.knownHosts()
    await using guest = await onTrial.resume()
    await timed('three apps pushed', async () => {
      for (const { image } of EXAMPLES) await guest.cloud('start', NODE, imagePath(image))
    })
    await expectApps(guest)
    expect(await guest.cloud('confirm', NODE)).toContain('confirmed')
    await timed('a reboot of the node by GRUB', async () => rebootNode(guest))
    await expectApps(guest)

    const { beforeMb, afterMb } = await timed('the purge', async () => purge(guest))
    say(`disk in use: ${beforeMb} MB, after the purge ${afterMb} MB`)
    expect(beforeMb - afterMb).toBeGreaterThan(PURGED_MB_MIN)
    await expectApps(guest)
    await rebootNode(guest)
    await expectApps(guest)
    await expectInstallation(guest, 'kexec purged')
    expect(await guest.knownHosts()).toBe(known)
    await guest.powerOff()
  },
  TEST_MS_MAX,
)

test(
  'PyGrub: what it reads from the disk boots the node, first on trial and then for good',
  async () => {
    const hand = async (disk: string, dir: string) =>
      pygrub(disk, `${old.dir}/${dir}`, userCacheDir(), () => undefined)
    expect((await hand(old.disk, 'plain')).words).toMatch(/^root=UUID=\S+ ro console=ttyS0/)
    // A Xen host runs pygrub at each boot: to QEMU, every reboot is an end.
    await using guest = await prepared.resume({ onReboot: 'stop' })
    // What a kernel says that a Xen host has started.
    await guest.ssh.get(
      'cd /sys/hypervisor && mount -t tmpfs none . && cd . && echo xen >type && echo PV >guest_type',
    )
    expect(await guest.install('')).toMatch(/host boots the entry solocloud\s+\(pygrub/)
    for (const state of ['trial', 'confirmed']) {
      await guest.vps.waitForExit(GO_BACK_MS_MAX)
      const boot = await hand(guest.disk, state)
      expect(boot.words).toMatch(/(^| )init=\/sbin\/solocloud( |$)/)
      const { console } = await guest.start({ boot, onReboot: 'stop' })
      await guest.waitForNode(0)
      if (state === 'trial') expect(console.text).toContain('solocloud: on trial until')
      else expect(console.text).not.toContain('on trial')
      await expectInstallation(guest, 'pygrub confirmed')
      if (state === 'trial') await guest.cloud('reboot', NODE)
    }
  },
  TEST_MS_MAX,
)

test(
  'a trial that nobody confirms ends in the old system',
  async () => {
    await using guest = await prepared.resume()
    const { console } = guest.vps
    await guest.install('--trial 30s', 'debian')
    await console.waitFor(/solocloud: on trial until/, GO_BACK_MS_MAX)
    await console.waitFor(/solocloud: going down to reboot/, GO_BACK_MS_MAX)
    await guest.waitForDebian(0)
    expect(await guest.knownHosts()).toBe(await old.knownHosts())
  },
  TEST_MS_MAX,
)

test(
  'a panic in the trial ends in the old system',
  async () => {
    await using guest = await onTrial.resume()
    await guest.vps.injectNmi()
    await guest.vps.console.waitFor(/Kernel panic - not syncing/, GO_BACK_MS_MAX)
    await guest.waitForDebian(guest.vps.console.position)
  },
  TEST_MS_MAX,
)

test(
  'a power cut in the trial ends in the old system',
  async () => {
    await using guest = await onTrial.resume()
    await guest.vps.powerCut()
    await guest.start()
    await guest.waitForDebian(0)
  },
  TEST_MS_MAX,
)
