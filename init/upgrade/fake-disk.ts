// For tests: the directory of PID 1's file in memory, a machine that can die between any two steps.
import type { UpgradeDisk } from './disk.ts'

/** PID 1 is gone in the middle of what it did. */
export class Death extends Error {}

const fsError = (code: string): Error => Object.assign(new Error(code), { code })

/** Files are known by their content, which is all that they have. */
export class FakeDisk implements UpgradeDisk {
  readonly names = new Map<string, string>()
  /** What a power cut leaves of `names`. */
  durable = new Map<string, string>()
  readonly descriptors = new Map<number, { path: string; content: string }>()
  /** The name by which the running file was opened; it follows a rename. */
  path = '/sbin/init'
  content: string
  free = 1e9
  /** After so many changes the next one is not made. */
  changesLeft = Infinity
  changes = 0
  #lastFd = 10

  constructor(content: string) {
    this.content = content
    this.names.set(this.path, content)
    this.durable = new Map(this.names)
  }

  /** Another life, in the file of that descriptor. */
  become(fd: number): void {
    Object.assign(this, this.#opened(fd))
    this.changesLeft = Infinity
  }
  /** The machine starts anew with what was on the disk for good, or with all of it. */
  boot(all: boolean): void {
    const kept = all ? this.names : this.durable
    const found = new Map(kept)
    this.names.clear()
    for (const [path, content] of found) this.names.set(path, content)
    this.path = '/sbin/init'
    this.content = this.names.get(this.path) ?? ''
    this.descriptors.clear()
    this.changesLeft = Infinity
  }

  running(): string {
    return this.path
  }
  isRunning(file: string | number): boolean {
    const content =
      typeof file === 'number' ? this.descriptors.get(file)?.content : this.names.get(file)
    return content === this.content
  }
  exists(path: string): boolean {
    return this.names.has(path)
  }
  open(path: string): number {
    this.descriptors.set(++this.#lastFd, { path, content: this.#named(path) })
    return this.#lastFd
  }
  openRunning(): number {
    this.descriptors.set(++this.#lastFd, { path: this.path, content: this.content })
    return this.#lastFd
  }
  close(fd: number): void {
    this.#opened(fd)
    this.descriptors.delete(fd)
  }
  link(from: string, to: string): void {
    this.#change()
    if (this.names.has(to)) throw fsError('EEXIST')
    this.names.set(to, this.#named(from))
  }
  rename(from: string, to: string): void {
    this.#change()
    const content = this.#named(from)
    // Of two names of one file rename(2) takes none away.
    if (this.names.get(to) === content) return
    this.names.set(to, content)
    this.names.delete(from)
    if (this.path === from) this.path = to
  }
  remove(path: string): void {
    this.#change()
    this.names.delete(path)
  }
  syncDirectory(): void {
    this.#change()
    this.durable = new Map(this.names)
  }
  freeBytes(): number {
    return this.free
  }

  #change(): void {
    if (this.changes++ >= this.changesLeft) throw new Death()
  }
  #named(path: string): string {
    const content = this.names.get(path)
    if (content === undefined) throw fsError('ENOENT')
    return content
  }
  #opened(fd: number): { path: string; content: string } {
    const file = this.descriptors.get(fd)
    if (file === undefined) throw fsError('EBADF')
    return file
  }
}
