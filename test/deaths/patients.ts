// Where PID 1 can die and live on: a guest of QEMU, or namespaces on this machine, where it is thirty times as fast.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startNamespaceNode } from '../../demo/namespace-node.ts'
import { makeNodeDirectory, removeNodeDirectory } from '../../demo/node-directory.ts'
import { makeScratch } from '../../demo/scratch.ts'
import { readFileOnDisk } from '../../qemu/disk.ts'
import { Guest } from '../boot/guest.ts'

/** A node that runs. */
export interface Patient extends AsyncDisposable {
  /** HOST:PORT here that reaches the node's `port`. */
  address(port: number): string
  /** HOST:PORT of its management. */
  readonly manage: string
  readonly console: { readonly tail: string }
}

/** A node's disk, and what turns it on. */
export interface Ward extends AsyncDisposable {
  /** For files of the test. */
  readonly dir: string
  /** Resolves when its management answers. */
  start(ports: readonly number[], settings: readonly string[]): Promise<Patient>
  /** Turns it off, cleanly. */
  off(): Promise<void>
  /** A file on the disk of a node that is off; '' when there is none. */
  read(path: string): Promise<string>
}

const ROOT = join(import.meta.dirname, '../..')
const MANAGEMENT_PORT = 5678
const MANAGED = [`solocloud.manage=0.0.0.0:${MANAGEMENT_PORT}`, 'solocloud.insecure=yes']

export async function guestWard(): Promise<Ward> {
  const guest = await Guest.make()
  let off = (): Promise<unknown> => Promise.resolve()
  return {
    dir: guest.dir,
    async start(ports, append) {
      const vps = await guest.start({ ports, append })
      off = () => vps.powerOff()
      return vps
    },
    async off() {
      await off()
    },
    read: (path) => readFileOnDisk(guest.disk, path),
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  }
}

/** Needs root: the node gets a network cable to this machine. */
export async function containerWard(): Promise<Ward> {
  const dir = join(await makeScratch(join(ROOT, 'build/namespace-tests')), 'patient')
  await makeNodeDirectory(dir, join(ROOT, 'build/init'))
  let off = (): Promise<unknown> => Promise.resolve()
  return {
    dir,
    async start(_, settings) {
      const node = await startNamespaceNode({
        dir,
        cable: true,
        settings: [...MANAGED, ...settings],
      })
      off = () => node.stop()
      await node.waitForManagement()
      const address = (port: number): string => `${node.address ?? ''}:${port}`
      const { console } = node
      const end = (): Promise<void> => node[Symbol.asyncDispose]()
      return { address, manage: address(MANAGEMENT_PORT), console, [Symbol.asyncDispose]: end }
    },
    async off() {
      await off()
    },
    read: (path) => readFile(join(dir, 'upper', path), 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: () => removeNodeDirectory(dir),
  }
}
