// The life record: what one life of PID 1 leaves to the next (native/life.h has the layout).
import type { Native } from './native.ts'
import { check, SysError } from './sys-error.ts'

/** LIFE_LAYOUT of native/life.h: lives of files with another one can't follow each other. */
export const LIFE_LAYOUT = 1
/** LIFE_CHILDREN of native/life.h: apps and helpers of PID 1 at one time. */
export const CHILDREN_MAX = 2048
/** LIFE_NOTE_SIZE, without the length. */
export const NOTE_BYTES_MAX = 4092
/** LIFE_DEATHS. */
const DEATHS_MAX = 16
/** sizeof(struct life_death). */
const DEATH_BYTES = 3384
const FRAMES_MAX = 24
const REASON_BYTES = 64
const TEXT_BYTES = 3072
/** LIFE_DESCRIPTORS. */
const DESCRIPTORS_MAX = 65_536
const ENOSPC = -28

/** Numbers of the record's head, in the order that native/life-record.h gives them. */
export const lifeNumbers = [
  'lives',
  /** CLOCK_MONOTONIC when this life began, ms. */
  'bootMs',
  'loopCount',
  'loopSeconds',
  'watchdogFd',
  'ending',
  'faults',
  'upgrade',
  'previousFd',
  'trialEndsMs',
  'orphans',
] as const
export type LifeNumber = (typeof lifeNumbers)[number]

/** `ending`: a death from then on finishes the shutdown instead of beginning a life. */
export const Ending = { runs: 0, 'power-off': 1, reboot: 2 } as const
/** `upgrade`. */
export const Upgrade = { none: 0, trial: 1, confirmed: 2, wentBack: 3 } as const

export interface ChildEnd {
  pid: number
  /** The wait status, when it was reaped and nobody has handled that yet. */
  status: number | null
}

/** A death as the loader left it; what is unknown is 0 or ''. */
export interface Death {
  life: number
  atMs: number
  uptimeMs: number
  /** siginfo's si_addr. */
  address: bigint
  instruction: bigint
  signal: number
  code: number
  thread: number
  /** Offsets into this file. */
  stack: bigint[]
  reason: string
  text: string
}

/** Descriptors, notes and numbers of the record. One for the process; tests have their own. */
export interface Life {
  get(name: LifeNumber): number
  set(name: LifeNumber, value: number): void
  /** Why the loader went back to the file before. */
  upgradeReason(): string
  /** Reserves a free place for a child; throws SysError ENOSPC when there are 2,048. */
  claim(): number
  /** Its place is free again. */
  release(child: number): void
  /** Every place with a note, as the life before left it. */
  notes(): { child: number; note: unknown }[]
  /** Replaces the note, as JSON, in one step; null removes it. */
  write(child: number, note: unknown): void
  /** What is known of the child's process; null: there is none. */
  child(child: number): ChildEnd | null
  /** The process has been handled; the note stays. */
  forget(child: number): void
  /** The descriptor stays open when this life ends. Undone by `unkeep`, before it is closed. */
  keep(fd: number): void
  unkeep(fd: number): void
  /** Every descriptor that is kept, in order: also what the life before kept. */
  kept(): number[]
  /** The deaths whose reports are not on disk yet. `stored` says that one is. */
  deaths(): { death: Death; stored: () => void }[]
}

/** The record of this process. Throws SysError (ENODEV) without the loader. */
export function openLife(native: Native): Life {
  const note = Buffer.allocUnsafeSlow(NOTE_BYTES_MAX)
  const state = new Int32Array(3)
  const number = (name: LifeNumber): number => lifeNumbers.indexOf(name)
  const noteOf = (child: number): unknown => {
    const length = check(native.lifeNote(child, note), 'read the life record')
    return length === 0 ? null : JSON.parse(note.toString('utf8', 0, length))
  }
  const free: number[] = []
  for (let child = CHILDREN_MAX - 1; child >= 0; child--)
    if (check(native.lifeNote(child, note), 'read the life record') === 0) free.push(child)
  const write = (child: number, value: unknown): void => {
    const text = value === null ? '' : JSON.stringify(value)
    check(native.setLifeNote(child, Buffer.from(text)), 'write the life record')
  }
  const forget = (child: number): void => void check(native.lifeForget(child), 'forget a child')

  return {
    // A descriptor that is not there is -1, which looks like an error; others can't come any more.
    get: (name) => native.lifeNumber(number(name)),
    set: (name, value) => void check(native.setLifeNumber(number(name), value), name),
    upgradeReason() {
      const text = Buffer.alloc(REASON_BYTES)
      return text.toString('utf8', 0, check(native.lifeText(text), 'read the life record'))
    },
    claim() {
      const child = free.pop()
      if (child === undefined) throw new SysError('claim a place', 'the life record', ENOSPC)
      return child
    },
    release(child) {
      forget(child)
      write(child, null)
      free.push(child)
    },
    notes: () =>
      Array.from({ length: CHILDREN_MAX }, (_, child) => ({ child, note: noteOf(child) })).filter(
        (found) => found.note !== null,
      ),
    write,
    child(child) {
      check(native.lifeChild(child, state), 'read the life record')
      const [pid = 0, ended, status = 0] = state
      return pid === 0 ? null : { pid, status: ended === 1 ? status : null }
    },
    forget,
    keep: (fd) => void check(native.lifeKeep(fd, 1), 'keep a descriptor'),
    unkeep: (fd) => void check(native.lifeKeep(fd, 0), 'keep a descriptor'),
    kept() {
      const bits = Buffer.alloc(DESCRIPTORS_MAX / 8)
      check(native.lifeKept(bits), 'read the life record')
      const fds: number[] = []
      for (const [index, byte] of bits.entries())
        for (let bit = 0; byte >> bit !== 0; bit++)
          if (((byte >> bit) & 1) === 1) fds.push(index * 8 + bit)
      return fds
    },
    deaths() {
      const bytes = Buffer.alloc(DEATH_BYTES)
      const found = Array.from({ length: DEATHS_MAX }, (_, index) => {
        const size = check(native.lifeDeath(index, bytes), 'read the life record')
        const stored = (): void => void check(native.lifeDeathStored(index), 'a report')
        return size === 0 ? [] : [{ death: decodeDeath(bytes), stored }]
      })
      return found.flat().sort((one, other) => one.death.life - other.death.life)
    },
  }
}

/** struct life_death of native/life.h. */
function decodeDeath(bytes: Buffer): Death {
  const big = (at: number): bigint => bytes.readBigUInt64LE(at)
  const text = (at: number, size: number): string => {
    const end = bytes.indexOf(0, at)
    return bytes.toString('utf8', at, end < 0 ? at + size : Math.min(end, at + size))
  }
  const stackAt = 56
  const frames = Math.min(bytes.readInt32LE(52), FRAMES_MAX)
  const reasonAt = stackAt + 8 * FRAMES_MAX
  return {
    life: Number(big(0)),
    atMs: Number(big(8)),
    uptimeMs: Number(big(16)),
    address: big(24),
    instruction: big(32),
    signal: bytes.readInt32LE(40),
    code: bytes.readInt32LE(44),
    thread: bytes.readInt32LE(48),
    stack: Array.from({ length: frames }, (_, index) => big(stackAt + 8 * index)),
    reason: text(reasonAt, REASON_BYTES),
    text: text(reasonAt + REASON_BYTES, TEXT_BYTES),
  }
}
