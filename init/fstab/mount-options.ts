// What the words of fstab's fourth field ask for: flags of mount(2), data for the file system, or something else.
import type { MountFlag } from '../../sys/mount.ts'

export interface MountWish {
  flags: MountFlag[]
  /** What only the file system understands. */
  data: string
  /** False with `noauto`. */
  auto: boolean
  /** `nofail`: its absence is nobody's problem. */
  mayFail: boolean
  /** Something that a node does not do, by name: the network, another mount's directory, a loop device. */
  special: 'network' | 'bind' | 'loop' | null
}

type Change = readonly [add: readonly MountFlag[], remove: readonly MountFlag[]]

const ACCESS_TIMES = ['noAtime', 'relAtime', 'strictAtime'] as const

/** mount(8), "filesystem-independent mount options". */
const FLAGS: Readonly<Record<string, Change>> = {
  defaults: [[], []],
  ro: [['readOnly'], []],
  rw: [[], ['readOnly']],
  nosuid: [['noSuid'], []],
  suid: [[], ['noSuid']],
  nodev: [['noDev'], []],
  dev: [[], ['noDev']],
  noexec: [['noExec'], []],
  exec: [[], ['noExec']],
  sync: [['synchronous'], []],
  async: [[], ['synchronous']],
  dirsync: [['dirSync'], []],
  noatime: [['noAtime'], ['relAtime', 'strictAtime']],
  relatime: [['relAtime'], ['noAtime', 'strictAtime']],
  strictatime: [['strictAtime'], ['noAtime', 'relAtime']],
  atime: [[], ACCESS_TIMES],
  norelatime: [[], ['relAtime']],
  nodiratime: [['noDirAtime'], []],
  diratime: [[], ['noDirAtime']],
  lazytime: [['lazyTime'], []],
  nolazytime: [[], ['lazyTime']],
  // Who but root may mount it; what comes with that is kept.
  user: [['noSuid', 'noDev', 'noExec'], []],
  users: [['noSuid', 'noDev', 'noExec'], []],
  owner: [['noSuid', 'noDev'], []],
  group: [['noSuid', 'noDev'], []],
}

/** For whoever reads fstab, not for the kernel. */
const DROPPED_WORDS = new Set([
  ...['auto', 'nouser', 'silent', 'loud', 'mand', 'nomand', 'iversion', 'noiversion', '_rnetdev'],
  ...['bootwait', 'optional', 'showthrough'],
])
/** SELinux's too: a node has no policy. */
const DROPPED = /^(?:x-|X-|comment=|helper=|uhelper=|(?:fs|def|root)?context=)/

const SPECIAL: Readonly<Record<string, MountWish['special']>> = {
  ...{ _netdev: 'network', bind: 'bind', rbind: 'bind', loop: 'loop' },
}

export function mountWish(options: readonly string[]): MountWish {
  const flags = new Set<MountFlag>()
  const data: string[] = []
  const wish: MountWish = { flags: [], data: '', auto: true, mayFail: false, special: null }
  for (const word of options) {
    const [add, remove] = FLAGS[word] ?? []
    const special = SPECIAL[word.split('=')[0] ?? '']
    if (add !== undefined) {
      for (const flag of remove ?? []) flags.delete(flag)
      for (const flag of add) flags.add(flag)
    } else if (special !== undefined) wish.special = special
    else if (word === 'noauto') wish.auto = false
    // `nobootwait` is what Ubuntu called it before systemd.
    else if (word === 'nofail' || word === 'nobootwait') wish.mayFail = true
    else if (!DROPPED_WORDS.has(word) && !DROPPED.test(word)) data.push(word)
  }
  return { ...wish, flags: [...flags], data: data.join(',') }
}

export interface SwapWish {
  auto: boolean
  mayFail: boolean
  priority: number | null
  discard: boolean
}

/** swapon(8) of fstab's words; a priority below 0 is the kernel's own choice. */
export function swapWish(options: readonly string[]): SwapWish {
  const { auto, mayFail } = mountWish(options)
  const given = options.flatMap((word) => /^pri=(\d{1,5})$/.exec(word)?.[1] ?? [])[0]
  return {
    ...{ auto, mayFail },
    priority: given === undefined ? null : Number(given),
    discard: options.some((word) => word === 'discard' || word === 'discard=pages'),
  }
}
