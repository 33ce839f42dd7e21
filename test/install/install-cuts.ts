// The proof: cuts the power at points of a recorded installation and of a recorded purge, and each time the
// disk boots by its own boot loader into the system that its person was told of, or was about to be.
import { join } from 'node:path'
import { command } from '../../qemu/command.ts'
import { partitions } from '../../qemu/debian/partitions.ts'
import { DEFAULT_SYSTEM } from '../../qemu/debian/system.ts'
import { readWriteLog } from '../../qemu/write-log.ts'
import { cutAtPoints } from '../power-cut/cut-at-points.ts'
import { replayJournal } from '../power-cut/inspect-disk.ts'
import { choosePoints, flushIntervals, type Span } from '../power-cut/points.ts'
import { seeded } from '../seeded.ts'
import type { ProofOptions } from '../soak/proof.ts'
import {
  APP,
  type Booted,
  type InstallRecording,
  recordInstallation,
  type RecordedMethod,
} from './cut-recording.ts'
import { DebianGuest } from './debian-guest.ts'
import { expectAnswers, statusOf } from './node-steps.ts'

type CutOptions = Pick<ProofOptions, 'points' | 'seed' | 'report'>

const MENU_MS_MAX = 120_000
const DEBIAN_MS_MAX = 400_000
const PURGE_MS_MAX = 400_000
const ON_TRIAL = 'solocloud: on trial until'

/** `points` in the installation, and as many in the purge. */
export async function installPowerCuts(options: CutOptions): Promise<void> {
  await recordAndCut('kexec', ['installation', 'purge'], options)
}

/** `points` in an installation whose first boot is GRUB's; a purge is the same after it. */
export async function grubInstallPowerCuts(options: CutOptions): Promise<void> {
  await recordAndCut('grub', ['installation'], options)
}

async function recordAndCut(
  method: RecordedMethod,
  parts: readonly ('installation' | 'purge')[],
  options: CutOptions,
): Promise<void> {
  await using guest = await DebianGuest.make({ ports: APP.map(({ port }) => port) })
  const recording = await recordInstallation(guest, method, options.report)
  const lists = parts.map((part) => recording[part])
  await cutInstallation(guest, recording, lists, options)
}

/** As many points in each list of spans. */
export async function cutInstallation(
  guest: DebianGuest,
  recording: InstallRecording,
  lists: readonly (readonly Span[])[],
  { points: count, seed, report }: CutOptions,
): Promise<void> {
  const random = seeded(seed)
  const intervals = await flushIntervals(readWriteLog(recording.log))
  const points = lists.flatMap((spans) => {
    const [beganAt = 0, doneAt = 0] = [spans.at(0)?.beganAt, spans.at(-1)?.doneAt]
    const within = intervals.filter(({ from }) => from > beganAt && from < doneAt)
    report(`${spans.map(({ name }) => name).join('; ')}: ${within.length} flushes`)
    return choosePoints(within, spans, count, random)
  })
  await cutAtPoints(recording, {
    ...{ points, random, report, image: join(guest.dir, 'cut.img') },
    check: async (image, allowed) => {
      await checkFileSystem(guest.dir, image)
      return checkBoot(guest, image, allowed)
    },
  })
}

/** Throws e2fsck's words unless the root file system is whole once its journal has been replayed. */
async function checkFileSystem(dir: string, image: string): Promise<void> {
  const root = partitions(DEFAULT_SYSTEM).find(({ mountPoint }) => mountPoint === '/')
  if (root === undefined) throw new Error('BUG: a disk without a root')
  const copy = join(dir, 'root.img')
  const place = [`skip=${root.startMb}`, `count=${root.sizeMb}`, 'bs=1M', 'conv=sparse']
  await command('dd', ['status=none', `if=${image}`, `of=${copy}`, ...place])
  await replayJournal(copy)
}

async function checkBoot(
  guest: DebianGuest,
  image: string,
  allowed: readonly Booted[],
): Promise<string> {
  const found = await boot(guest, image)
  try {
    if (!allowed.some((one) => one.startsWith(found)))
      throw new Error(`it boots the ${found}, not the ${[...new Set(allowed)].join(' or the ')}`)
    if (found === 'Debian') return found
    if (guest.vps.console.text.includes(ON_TRIAL)) return await checkTrial(guest, image)
    if (!allowed.includes('node with its app')) return found
    return await checkPurge(guest)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${guest.vps.console.tail}`, { cause: error })
  } finally {
    await guest.vps.powerCut()
  }
}

/** By the boot loader's default entry; resolves when what it starts lets its person in. */
async function boot(guest: DebianGuest, disk: string): Promise<'Debian' | 'node'> {
  const { console } = await guest.start({ disk })
  const [, entry] = await console.waitFor(/Booting `(Debian GNU\/Linux|solocloud)'/, MENU_MS_MAX)
  if (entry === 'solocloud') {
    await guest.waitForNode(0)
    return 'node'
  }
  // An attempt to log in that comes too early takes longer than one at the right time.
  await console.waitFor(/ login: /, DEBIAN_MS_MAX)
  await guest.waitForDebian(0)
  return 'Debian'
}

/** Nobody was told that it is confirmed: it has taken back what made it boot. */
async function checkTrial(guest: DebianGuest, image: string): Promise<string> {
  await guest.vps.powerCut()
  const next = await boot(guest, image)
  if (next !== 'Debian') throw new Error(`the node was on trial, and then the ${next} boots`)
  return 'the node on trial, and after one more cut Debian'
}

/** The purge goes on until it is done, unless it had not begun; the app answers all the same. */
async function checkPurge(guest: DebianGuest): Promise<string> {
  await expectAnswers(guest, APP)
  const state = async () => (await statusOf(guest)).installation?.state
  const atBoot = await state()
  if (atBoot === 'confirmed') return 'node, where the purge had not begun'
  if (atBoot === 'purging') {
    await guest.vps.console.waitFor(/solocloud: the old system is removed/, PURGE_MS_MAX)
    await expectAnswers(guest, APP)
  }
  const atEnd = await state()
  if (atEnd !== 'purged') throw new Error(`the node is ${atBoot}, and then ${atEnd}`)
  return atBoot === 'purging' ? 'node, which has ended the purge' : 'node, purged'
}
