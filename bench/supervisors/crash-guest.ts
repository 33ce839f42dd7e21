// What the virtual machines of the crash test start from: a saboteur before the init, and the init's own files.
import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CHARACTER_DEVICE, cpio, type CpioEntry, Mode } from '../../qemu/cpio.ts'
import type { Packages } from '../../qemu/packages.ts'
import type { Programs } from './peer-directory.ts'
import type { Peer } from './peers.ts'

const SYMBOLIC_LINK = 0o120777
/** What no program opens, and what would only make the kernel's unpacking longer. */
const LEFT_OUT = /^usr\/(share|include)\/|\/(gconv|tests?|__pycache__)\//
const DIRECTORIES = [
  'bin',
  'dev',
  'etc',
  'proc',
  'run',
  'run/stamps',
  'sys',
  'tmp',
  'var',
  'var/log',
]

/** Is told to the kernel, so that it starts with the saboteur. */
export const SABOTEUR_WORD = 'rdinit=/saboteur'

/** The saboteur, and the words that it becomes: an archive of its own, which may follow another one. */
export async function saboteurArchive(
  programs: Programs,
  words: readonly string[],
): Promise<Buffer> {
  return cpio([
    { path: 'saboteur', mode: Mode.executable, data: await readFile(programs.saboteur) },
    { path: 'next', mode: Mode.file, data: Buffer.from(`${words.join('\n')}\n`) },
  ])
}

/** Writes an initramfs that is the whole root of a peer with one service, which counts. */
export async function writePeerInitramfs(
  path: string,
  peer: Peer,
  packages: Packages,
  programs: Programs,
): Promise<void> {
  const root = new Map<string, CpioEntry>()
  const add = (entry: CpioEntry) => {
    addParents(root, entry.path)
    root.set(entry.path, entry)
  }
  for (const name of ['libc6', ...peer.packages]) await addTree(packages.directory(name), '', add)
  for (const name of DIRECTORIES) add({ path: name, mode: Mode.directory })
  add({ path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] })
  add({ path: 'bin/service', mode: Mode.executable, data: await readFile(programs.counter) })
  add({ path: 'etc/passwd', mode: Mode.file, data: Buffer.from('root:x:0:0:root:/:/bin/sh\n') })
  for (const { path: file, text, mode } of peer.files(1)) {
    const type = mode === undefined ? Mode.file : Mode.executable
    add({ path: file, mode: type, data: Buffer.from(text) })
  }
  const archives = [cpio([...root.values()]), await saboteurArchive(programs, peer.words(1))]
  await writeFile(path, Buffer.concat(archives))
}

function addParents(root: Map<string, CpioEntry>, path: string): void {
  const names = path.split('/')
  for (let depth = 1; depth < names.length; depth++) {
    const parent = names.slice(0, depth).join('/')
    if (!root.has(parent)) root.set(parent, { path: parent, mode: Mode.directory })
  }
}

async function addTree(
  base: string,
  below: string,
  add: (entry: CpioEntry) => void,
): Promise<void> {
  for (const entry of await readdir(join(base, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    const source = join(base, path)
    if (LEFT_OUT.test(`${path}/`)) continue
    if (entry.isDirectory()) await addTree(base, path, add)
    else if (entry.isSymbolicLink()) {
      add({ path, mode: SYMBOLIC_LINK, data: Buffer.from(await readlink(source)) })
    } else if (entry.isFile()) {
      const { mode } = await stat(source)
      const type = (mode & 0o111) === 0 ? Mode.file : Mode.executable
      add({ path, mode: type, data: await readFile(source) })
    }
  }
}
