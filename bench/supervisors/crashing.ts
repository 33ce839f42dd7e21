// In virtual machines: what each init does when it faults, and what is left of its work ten seconds later.
import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../../qemu/command.ts'
import { buildDisk } from '../../qemu/disk.ts'
import { buildInitramfs } from '../../qemu/initramfs.ts'
import type { Kernel } from '../../qemu/kernel.ts'
import { startVps, type Vps } from '../../qemu/vps.ts'
import { writeDisk } from '../debian-disk.ts'
import { cloud, INIT } from '../solocloud.ts'
import { SABOTEUR_WORD, saboteurArchive, writePeerInitramfs } from './crash-guest.ts'
import type { Packages } from '../../qemu/packages.ts'
import type { Programs } from './peer-directory.ts'
import { type Peer, SERVICE, stampFile } from './peers.ts'
import { OURS } from './running-solocloud.ts'
import type { Line, Topic } from './topic.ts'

export interface CrashParts {
  kernel: Kernel
  packages: Packages
  programs: Programs
  /** A directory for disks and initramfs files. */
  scratch: string
  /** The Debian tree that systemd is booted from. */
  debian: string
}

const VERDICT_MS_MAX = 240_000
const MANAGEMENT_MS_MAX = 10_000
const MEMORY_MB = 512

/** What the saboteur says at the end, or the kernel: after a panic nothing is left. */
export interface Verdict {
  panic: boolean
  counting: boolean
  reaping: boolean
  restarting: boolean
}

const FAULT = 'saboteur: PID 1 jumps to 0'

/** null when the console holds no verdict and no panic after the fault. */
export function parseVerdict(text: string): Verdict | null {
  const fault = text.indexOf(FAULT)
  const after = fault < 0 ? '' : text.slice(fault)
  if (after.includes('Kernel panic - not syncing')) {
    return { panic: true, counting: false, reaping: false, restarting: false }
  }
  const words = /after: counting=(\d) reaping=(\d) restarting=(\d)/.exec(after)?.slice(1)
  if (words === undefined) return null
  const [counting, reaping, restarting] = words.map((word) => word === '1')
  return {
    panic: false,
    counting: counting === true,
    reaping: reaping === true,
    restarting: restarting === true,
  }
}

/** Waits for the verdict of a guest that has been started. */
async function verdictOf(vps: Vps): Promise<Verdict> {
  // A panic ends the guest and refuses the wait: then the console says it.
  await vps.console.waitFor(/saboteur: done/, VERDICT_MS_MAX).catch(() => undefined)
  const verdict = parseVerdict(vps.console.text)
  if (verdict === null) throw new Error(`no verdict\n${vps.console.tail}`)
  return verdict
}

async function peerVerdict(peer: Peer, parts: CrashParts): Promise<Verdict> {
  const { kernel, packages, programs, scratch } = parts
  const initramfs = join(scratch, `${peer.name}.cpio`)
  const disk = join(scratch, 'empty.img')
  await writePeerInitramfs(initramfs, peer, packages, programs)
  await writeFile(disk, Buffer.alloc(1 << 20))
  const append = [SABOTEUR_WORD]
  await using vps = await startVps({ kernel, initramfs, disk, memoryMb: MEMORY_MB, append })
  return await verdictOf(vps)
}

/** An initramfs that mounts the disk, as for every guest of ours, with the saboteur before it. */
async function diskInitramfs({ kernel, programs, scratch }: CrashParts): Promise<string> {
  const path = join(scratch, 'disk.cpio')
  await buildInitramfs(kernel, path)
  await appendFile(path, await saboteurArchive(programs, ['/init']))
  return path
}

async function ourVerdict(parts: CrashParts): Promise<{ verdict: Verdict; manages: boolean }> {
  const { kernel, programs, scratch } = parts
  const disk = join(scratch, 'ours.img')
  await buildDisk(disk, { init: INIT, kernel })
  const image = await counterImage(join(scratch, 'counter'), programs)
  const initramfs = await diskInitramfs(parts)
  const append = [SABOTEUR_WORD]
  await using vps = await startVps({ kernel, initramfs, disk, memoryMb: MEMORY_MB, append })
  await vps.waitForManagement()
  await cloud('start', vps.manage, image)
  const verdict = await verdictOf(vps)
  const answered = vps.waitForManagement(MANAGEMENT_MS_MAX)
  return { verdict, manages: await answered.then(() => true).catch(() => false) }
}

async function counterImage(dir: string, programs: Programs): Promise<string> {
  await mkdir(join(dir, 'root/bin'), { recursive: true })
  await cp(programs.counter, join(dir, 'root', SERVICE))
  const manifest = { architecture: 'amd64', config: { Cmd: [SERVICE, '/count'] } }
  await writeFile(join(dir, 'root/image.json'), JSON.stringify(manifest))
  const image = join(dir, 'counter.tar')
  await cloud('image', 'build', join(dir, 'root'), '-o', image)
  return image
}

const UNIT = `[Service]
ExecStart=${SERVICE} ${stampFile(0)}
Restart=always
[Install]
WantedBy=multi-user.target
`

/** Debian's systemd, from its disk, with the service as a unit. */
async function systemdVerdict(parts: CrashParts): Promise<Verdict> {
  const { kernel, programs, scratch, debian } = parts
  const disk = join(scratch, 'systemd.img')
  await writeDisk(debian, disk)
  const unit = join(scratch, 'counting.service')
  await writeFile(unit, UNIT)
  const directory = '/etc/systemd/system'
  const requests = [
    `write ${programs.counter} /usr/bin/service`,
    'set_inode_field /usr/bin/service mode 0100755',
    `write ${unit} ${directory}/counting.service`,
    `symlink ${directory}/multi-user.target.wants/counting.service ${directory}/counting.service`,
  ]
  const script = join(scratch, 'debugfs')
  await writeFile(script, `${requests.join('\n')}\n`)
  await command('debugfs', ['-w', '-f', script, disk])
  const initramfs = await diskInitramfs(parts)
  const append = [SABOTEUR_WORD]
  await using vps = await startVps({ kernel, initramfs, disk, memoryMb: MEMORY_MB, append })
  return await verdictOf(vps)
}

const yes = (value: boolean): string => (value ? 'yes' : 'no')

/** A line of the table. */
export function crashLine(program: string, verdict: Verdict, supervises: boolean): Line {
  const { panic, counting, reaping, restarting } = verdict
  if (panic) return { program, cells: ['kernel panic', 'no', 'no', supervises ? 'no' : 'n/a'] }
  const whole = counting && reaping && (restarting || !supervises)
  return {
    program,
    cells: [
      whole ? 'goes on' : 'stays, and fails at some of its work',
      yes(counting),
      yes(reaping),
      supervises ? yes(restarting) : 'n/a',
    ],
  }
}

/** Boots every one of them, one after another. */
export async function crashing(
  peers: readonly Peer[],
  parts: CrashParts,
  report: (line: string) => void,
): Promise<Topic> {
  await mkdir(parts.scratch, { recursive: true })
  const lines: Line[] = []
  report(`a fault in PID 1: ${OURS}`)
  const { verdict, manages } = await ourVerdict(parts)
  lines.push(crashLine(OURS, verdict, true))
  for (const peer of peers) {
    report(`a fault in PID 1: ${peer.name}`)
    lines.push(crashLine(peer.name, await peerVerdict(peer, parts), peer.supervises))
  }
  report('a fault in PID 1: systemd')
  lines.push(crashLine('systemd', await systemdVerdict(parts), true))
  return {
    title: 'PID 1 faults (SIGSEGV), in QEMU',
    columns: [
      { heading: 'the init', format: String },
      { heading: 'its service runs on', format: String },
      { heading: 'orphans are reaped', format: String },
      { heading: 'a killed service is restarted', format: String },
    ],
    lines,
    notes: [
      'A child of PID 1 sets its program counter to 0 (ptrace), and looks again after 10 s.',
      `${OURS} answers its management client afterwards: ${yes(manages)}.`,
    ],
  }
}
