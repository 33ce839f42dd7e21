// What an installation costs: from `solocloud install --yes` to management answering, beside a reboot of the same
// prepared Debian VPS, each on a fresh copy of its disk.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { userCacheDir } from '../qemu/cache.ts'
import { debianDisk } from '../qemu/debian/disk.ts'
import { DEFAULT_SYSTEM } from '../qemu/debian/system.ts'
import { SshClient } from '../qemu/ssh-client.ts'
import { MANAGEMENT_PORT, startMachine, type Vps } from '../qemu/vps.ts'
import { copySparse } from '../qemu/write-log-replay.ts'
import { inTurns } from './in-turns.ts'
import { ask, at, httpOk, type Pace, type Probe, SSH_BANNER, untilAnswer } from './probe.ts'
import type { Row } from './table.ts'

interface Prepared {
  vps: Vps
  ssh: SshClient
}

const SSH_PORT = 22
const LOGIN_MS_MAX = 400_000
const ANSWER: Pace = { pauseMs: 50, attemptMs: 2_000, timeoutMs: 400_000 }
/** GRUB's first words: what answers after them is no longer the system that went down. */
const REBOOTED = /Booting `/

export async function installRows(
  file: string,
  scratch: string,
  times: number,
  report: (line: string) => void,
): Promise<Row[]> {
  const { image, key } = await debianDisk(userCacheDir(), DEFAULT_SYSTEM, report)
  const prepared = (use: (guest: Prepared) => Promise<void>) => async () =>
    withPrepared({ image, key, file, scratch }, use)
  report(`an installation by kexec, and a reboot, ${times} times`)
  const [installs, reboots] = await inTurns(times, [
    prepared(async ({ vps, ssh }) => {
      const manage = `--manage 0.0.0.0:${MANAGEMENT_PORT} --insecure`
      const installing = ssh.get(`./solocloud install --yes ${manage}`)
      await Promise.all([installing, untilAnswers(vps, MANAGEMENT_PORT, httpOk('/v1/node'))])
    }),
    prepared(async ({ vps, ssh }) => {
      const { position } = vps.console
      // The connection may break before the command's end is told.
      await ssh.run('systemctl reboot')
      await vps.console.waitFor(REBOOTED, LOGIN_MS_MAX, position)
      await untilAnswers(vps, SSH_PORT, SSH_BANNER)
    }),
  ] as const)
  return [
    {
      ...{ measure: '`install --yes` to management answering', unit: 'ms' },
      ...{ ours: installs, peer: 'reboot to sshd', theirs: reboots },
    },
  ]
}

/** A Debian that is up, with the file in root's home; the time that `use` takes, in ms. */
async function withPrepared(
  { image, key, file, scratch }: { image: string; key: string; file: string; scratch: string },
  use: (guest: Prepared) => Promise<void>,
): Promise<number> {
  const dir = await mkdtemp(join(scratch, 'install-'))
  try {
    const disk = join(dir, 'disk.img')
    await copySparse(image, disk)
    const ports = [SSH_PORT, MANAGEMENT_PORT]
    const machine = { disk, ports, onReboot: 'restart' } as const
    await using vps = await startMachine(machine, { firmware: 'bios' })
    const ssh = await SshClient.make(join(dir, 'person'), key)
    await ssh.setAddress(vps.address(SSH_PORT))
    await ssh.waitForLogin(LOGIN_MS_MAX)
    await ssh.copy(file, 'solocloud')
    await ssh.get('sync')
    const begun = performance.now()
    await use({ vps, ssh })
    return performance.now() - begun
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function untilAnswers(
  vps: Vps,
  port: number,
  what: Pick<Probe, 'send' | 'expect'>,
): Promise<void> {
  const ended = new AbortController()
  void vps.gone.then(() => ended.abort())
  const probe = { ...at(vps.address(port)), ...what }
  try {
    await untilAnswer((signal) => ask(probe, signal), ANSWER, ended.signal)
  } catch (error) {
    throw new Error(`port ${port} of the guest\n${vps.console.tail}`, { cause: error })
  }
}
