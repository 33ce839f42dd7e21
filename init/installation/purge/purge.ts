// Removes the old system's userland from under the running node. Whatever ends it on the way, the node boots
// and goes on with it.
import { readFileSync, statfsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Purged, PurgeProgress } from '../../../protocol/api.ts'
import type { Installation } from '../../../protocol/installation.ts'
import { parseMountInfo, type MountEntry } from '../../../sys/mount-info.ts'
import { KeptPaths } from './kept-paths.ts'
import { isOwnFileSystem, parseFstab, type FstabEntry } from './fstab.ts'
import { pointAt } from './point-at.ts'
import { sweep } from './sweep.ts'
import { POWER_NAMES, whatStays } from './what-stays.ts'

export interface PurgePlace {
  /** Where `/` is: '' on the node itself. */
  root: string
  /** /proc/self/mountinfo */
  mountInfo: string
}

export interface PurgeRun {
  record: Installation
  tell: (progress: PurgeProgress) => void
  /** Ends it: the node goes down, and goes on with it after its next boot. */
  signal: AbortSignal
}

const TELL_MS = 250
/** Told by name; there may be any number of them. */
const LEFT_MAX = 20
const COUNTED_MAX = 10_000
/** Nothing more can be removed. */
const ENDS = new Set(['EROFS', 'EIO', 'ENOMEM', 'EMFILE', 'ENFILE'])
/** Kernel interfaces and memory. */
const NOT_ON_DISK = new Set([
  ...['autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts'],
  ...['devtmpfs', 'efivarfs', 'fusectl', 'hugetlbfs', 'mqueue', 'nsfs', 'overlay', 'proc'],
  ...['pstore', 'securityfs', 'selinuxfs', 'sysfs', 'tmpfs', 'tracefs'],
])

/** Rejects when it can't go on; what is gone then is gone, and it can be begun again. */
export async function purge(place: PurgePlace, run: PurgeRun): Promise<Purged> {
  const fstab = parseFstab(readIfThere(join(place.root, '/etc/fstab')))
  const mounts = parseMountInfo(readFileSync(place.mountInfo, 'utf8'))
  // First of all, any entry of a boot menu leads to the node: what it would start is about to go.
  const beside = dirname(run.record.file)
  for (const name of POWER_NAMES) pointAt(join(place.root, beside), name, basename(run.record.file))
  const directories = ['/', ...separate(fstab, mounts)]
  const tally = new Tally(place, run, directories)
  const sweeping = {
    root: place.root,
    kept: new KeptPaths(place.root, whatStays(run.record, fstab)),
    mounts: new Set(mounts.map(({ target }) => target)),
    removed: () => tally.removed(),
    stays: (path: string, error: Error) => tally.stays(path, error),
  }
  for (const directory of directories) await sweep(sweeping, directory)
  return tally.purged(others(mounts, run.record, directories))
}

/** Userland that has file systems of its own. What is another machine's as well stays. */
function separate(fstab: readonly FstabEntry[], mounts: readonly MountEntry[]): string[] {
  return ['/usr', '/var'].filter(
    (directory) =>
      fstab.some((entry) => entry.target === directory && isOwnFileSystem(entry)) &&
      mounts.some(({ target }) => target === directory),
  )
}

/** What is mounted and left alone, apart from the node's own. */
function others(
  mounts: readonly MountEntry[],
  record: Installation,
  purged: readonly string[],
): string[] {
  const own = ['/boot', '/efi', '/dev', '/proc', '/sys', '/run', ...record.created]
  const isOwn = (target: string): boolean =>
    purged.includes(target) || own.some((path) => `${target}/`.startsWith(`${path}/`))
  return mounts
    .filter(({ target, fstype }) => !NOT_ON_DISK.has(fstype) && !isOwn(target))
    .map(({ target }) => target)
}

/** What has been removed, and what stays. */
class Tally {
  readonly #place: PurgePlace
  readonly #run: PurgeRun
  readonly #directories: readonly string[]
  readonly #freeBefore: number
  readonly #left = new Map<string, string>()
  readonly #others = new Set<string>()
  #entries = 0
  #toldMs = 0

  constructor(place: PurgePlace, run: PurgeRun, directories: readonly string[]) {
    this.#place = place
    this.#run = run
    this.#directories = directories
    this.#freeBefore = this.#free()
  }

  removed(): void {
    this.#entries++
    this.#run.signal.throwIfAborted()
    const nowMs = performance.now()
    if (nowMs - this.#toldMs < TELL_MS) return
    this.#toldMs = nowMs
    this.#run.tell({ event: 'removing', entries: this.#entries, freedBytes: this.#freed() })
  }

  stays(path: string, error: Error): boolean {
    const { code = '' } = error as NodeJS.ErrnoException
    if (this.#run.signal.aborted || code === '' || ENDS.has(code)) return false
    if (this.#left.size < LEFT_MAX) this.#left.set(path, reasonOf(code))
    else if (!this.#left.has(path) && this.#others.size < COUNTED_MAX) this.#others.add(path)
    return true
  }

  purged(otherMounts: string[]): Purged {
    const left = [...this.#left].map(([path, reason]) => ({ path, reason }))
    return {
      ...{ entries: this.#entries, freedBytes: this.#freed() },
      ...{ left, leftCount: left.length + this.#others.size, otherMounts },
    }
  }

  /** Others write meanwhile: never below nothing. */
  #freed(): number {
    return Math.max(0, this.#free() - this.#freeBefore)
  }

  #free(): number {
    return this.#directories
      .map((directory) => statfsSync(join(this.#place.root, directory)))
      .reduce((sum, { bavail, bsize }) => sum + bavail * bsize, 0)
  }
}

function reasonOf(code: string): string {
  if (code === 'EPERM') return 'it is immutable (chattr +i)'
  return code === 'EBUSY' ? 'it is in use' : code
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
