// The long proofs of the ways back: a trial by GRUB's one-shot entry, and an uninstall that leaves the old system as
// it was, byte for byte; and a backup that another machine becomes.
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import type { ProofOptions } from '../soak/proof.ts'
import { DebianGuest, NODE } from './debian-guest.ts'
import { expectAnswers, expectInstallation, expectRunning, rebootNode } from './node-steps.ts'

const GO_BACK_MS_MAX = 400_000
/** Hashing all of a Debian in emulation. */
const MANIFEST_MS_MAX = 900_000
/** Small, as its image goes through ssh in emulation. */
const APPS = EXAMPLES.filter(({ name }) => name === 'cpp-hello')
const PORTS = APPS.map(({ port }) => port)

/** What a Debian that runs changes by itself: logs, leases, seeds, stamps. */
const RESTLESS = [
  ...['/proc', '/sys', '/dev', '/run', '/tmp', '/var/tmp', '/var/log', '/lost+found'],
  ...['/var/lib/systemd', '/var/lib/dhcp', '/root/.bash_history', '/home/debian/.bash_history'],
  // Written anew at each lease.
  '/etc/resolv.conf',
]

export async function waysBack({ report }: ProofOptions): Promise<void> {
  await using old = await DebianGuest.make({ ports: PORTS })
  await old.start()
  await old.waitForLogin()
  await old.bring()
  const before = await manifest(old)
  report(`the old system: ${before.size} paths`)
  await trialByGrub(old, report)
  await installAndPush(old)
  await rebootNode(old)
  await expectRunning(old, APPS)
  await expectAnswers(old, APPS)
  await expectInstallation(old, 'kexec confirmed')
  report('installed by kexec, confirmed; GRUB boots the node')
  await uninstall(old, report)
  const changed = differences(before, await manifest(old))
  if (changed.length > 0) throw new Error(`after the uninstall:\n${changed.join('\n')}`)
  report('uninstalled: every path is as it was')
  await old.powerOff()
}

export async function backupRestored({ report }: ProofOptions): Promise<void> {
  await using lost = await DebianGuest.make({ ports: PORTS })
  await lost.start()
  await lost.waitForLogin()
  await lost.bring()
  await installAndPush(lost)
  const archive = join(lost.dir, 'node.tar')
  await lost.cloud('node', 'backup', NODE, '-o', archive)
  await lost.vps.powerCut()
  report('a node with an app is backed up, and lost')
  await restore(lost, archive)
  report('restored on another machine: the same host keys, the same app')
}

async function trialByGrub(guest: DebianGuest, report: (line: string) => void): Promise<void> {
  const { console } = guest.vps
  const { position } = console
  await guest.install('--method grub --trial 90s')
  await console.waitFor(/Booting `solocloud'/, GO_BACK_MS_MAX, position)
  await console.waitFor(/solocloud: on trial until/, GO_BACK_MS_MAX, position)
  await console.waitFor(/solocloud: going down to reboot/, GO_BACK_MS_MAX, position)
  await guest.waitForDebian(position)
  report('GRUB has booted the node once; the trial has ended, and Debian is back')
}

/** By kexec, and confirmed. */
async function installAndPush(guest: DebianGuest): Promise<void> {
  const { position } = guest.vps.console
  await guest.install('')
  await guest.waitForNode(position)
  for (const { image } of APPS) await guest.cloud('start', NODE, imagePath(image))
  await guest.cloud('confirm', NODE)
}

async function uninstall(guest: DebianGuest, report: (line: string) => void): Promise<void> {
  const { position } = guest.vps.console
  report((await guest.cloud('node', 'uninstall', NODE, '--yes')).trim())
  await guest.waitForDebian(position)
}

/** Another machine, with host keys of its own, takes the place of the one that is lost. */
async function restore(lost: DebianGuest, archive: string): Promise<void> {
  await using guest = await DebianGuest.make({ ports: PORTS })
  await guest.start()
  await guest.waitForLogin()
  await guest.ssh.get('rm /etc/ssh/ssh_host_*; ssh-keygen -qA; systemctl restart ssh; sync')
  await rm(guest.ssh.knownHosts)
  await guest.bring()
  await guest.ssh.copy(archive, 'node.tar')
  const { position } = guest.vps.console
  await guest.install('--restore node.tar')
  // Only the lost machine's person knows the keys that answer from now on.
  await copyFile(lost.ssh.knownHosts, guest.ssh.knownHosts)
  await guest.waitForNode(position)
  await expectAnswers(guest, APPS)
  await expectRunning(guest, APPS)
  await guest.powerOff()
}

/** By path: type, mode, owner, target of a link, and sha256 of a file. */
async function manifest(guest: DebianGuest): Promise<Map<string, string>> {
  const pruned = RESTLESS.map((path) => `-path ${path}`).join(' -o ')
  const find = `find / -xdev \\( ${pruned} \\) -prune -o`
  const options = { timeoutMs: MANIFEST_MS_MAX }
  const facts = await guest.ssh.get(`${find} -printf '%p\\t%y %m %U:%G %l\\n'`, options)
  const sums = await guest.ssh.get(`${find} -type f -print0 | xargs -0 sha256sum`, options)
  const found = new Map<string, string>()
  for (const [, path = '', text = ''] of facts.matchAll(/^(.*)\t(.*)$/gm)) found.set(path, text)
  for (const [, sum = '', path = ''] of sums.matchAll(/^([0-9a-f]{64}) {2}(.*)$/gm))
    found.set(path, `${found.get(path) ?? ''} ${sum}`)
  return found
}

function differences(before: Map<string, string>, after: Map<string, string>): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  return paths
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path}: ${before.get(path) ?? 'absent'} -> ${after.get(path) ?? 'absent'}`)
}
