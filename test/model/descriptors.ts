// PID 1's descriptors, without any of the kernel's: a number is never used twice, so that every close of what
// is closed already is seen, and that of what is watched or kept.
import { PidOne } from './pid-one.ts'

export const FIRST_FD = 1_000_000
/** What PID 1 opens for a child that is to read nothing. */
export const NULL_PATH = '/model/null'

/** A pipe, or a socket from a child: whoever can write to it is counted. */
export class Pipe {
  readonly waiting: Buffer[] = []
  writers = 0

  /** What waits, or its end: a watch would wake. */
  readable(): boolean {
    return this.waiting.length > 0 || this.writers === 0
  }
}

interface Descriptor {
  pipe: Pipe | null
  writes: boolean
}

export class Descriptors {
  readonly open = new Map<number, Descriptor>()
  readonly watched = new Map<number, () => void>()
  readonly kept: Set<number>
  readonly pidOne: PidOne
  readonly #violated: (what: string) => void
  /** The next so many opens fail. */
  failing = 0
  #next = FIRST_FD

  constructor(pidOne: PidOne, kept: Set<number>, violated: (what: string) => void) {
    this.pidOne = pidOne
    this.kept = kept
    this.#violated = violated
  }

  add(pipe: Pipe | null, writes: boolean): number {
    if (pipe !== null && writes) pipe.writers++
    this.open.set(this.#next, { pipe, writes })
    return this.#next++
  }
  openNull(): number {
    if (this.fails()) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    return this.add(null, false)
  }
  fails(): boolean {
    if (this.failing === 0) return false
    this.failing--
    return true
  }

  close(fd: number): void {
    const found = this.open.get(fd)
    if (found === undefined) {
      this.#violated(`descriptor ${fd} is closed twice`)
      return
    }
    if (this.watched.has(fd)) this.#violated(`descriptor ${fd} is closed while it is watched`)
    if (this.kept.has(fd)) this.#violated(`descriptor ${fd} is closed while it is kept`)
    this.#drop(fd, found)
  }

  pipe(fd: number, writes: boolean): Pipe {
    const found = this.open.get(fd)
    if (found?.pipe && found.writes === writes) return found.pipe
    this.#violated(`descriptor ${fd} is used and is no pipe`)
    return new Pipe()
  }

  /** execve: only what is kept stays open. */
  exec(): void {
    this.watched.clear()
    for (const [fd, found] of this.open) if (!this.kept.has(fd)) this.#drop(fd, found)
  }

  #drop(fd: number, { pipe, writes }: Descriptor): void {
    this.open.delete(fd)
    if (pipe !== null && writes) pipe.writers--
  }
}

let current: Descriptors | null = null
/** Whose descriptors node:fs opens and closes from now on. */
export const useDescriptors = (descriptors: Descriptors): void => void (current = descriptors)

export function currentDescriptors(): Descriptors {
  if (current === null) throw new Error('BUG: no model')
  return current
}

type Fs = typeof import('node:fs')

/** node:fs, in which the numbers and NULL_PATH are the model's. */
export function modelFs(fs: Fs): Fs {
  const openSync: Fs['openSync'] = (path, flags, mode) =>
    path === NULL_PATH
      ? currentDescriptors().pidOne.call('open', () => currentDescriptors().openNull())
      : fs.openSync(path, flags, mode)
  const closeSync = (fd: number): void => {
    if (fd >= FIRST_FD)
      currentDescriptors().pidOne.call('close', () => currentDescriptors().close(fd))
    else fs.closeSync(fd)
  }
  return { ...fs, openSync, closeSync }
}
