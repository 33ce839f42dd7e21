// What the app takes of the old system's programs: sshd with what it runs, the accounts' shells, and few tools.
import { posix } from 'node:path'
import { loadedBy } from '../../image-builder/closure.ts'
import { readElf } from '../../image-builder/elf.ts'
import { hostDirectories } from '../../image-builder/library-path.ts'
import type { Manifest } from '../../protocol/image.ts'
import { parseManifest } from '../../protocol/manifest.ts'
import { SSHD_CONFIG } from './sshd-options.ts'
import type { OldFiles } from './old-files.ts'
import { SshAppError } from './ssh-app-plan.ts'

export interface Programs {
  sshd: string
  architecture: Manifest['architecture']
  /** Everything that is copied, by the app's path: its place in the old system. */
  files: Map<string, string>
  /** Symbolic links to one of these. */
  links: Map<string, string>
  /** The paths of programs, in order; the first is sshd. */
  names: string[]
  /** For who has a shell that is not there. */
  shell: string
}

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd']
/** sshd-session and sshd-auth are parts of sshd since OpenSSH 9.8 and 10.0. */
const HELPERS = ['sshd-session', 'sshd-auth', 'sftp-server']
const HELPER_DIRECTORIES = ['openssh', 'ssh', ''].flatMap((name) =>
  ['/usr/lib', '/usr/libexec', '/usr/local/libexec', '/usr/lib64'].map((lib) =>
    posix.join(lib, name),
  ),
)
const KEY_TOOLS = ['/usr/bin/ssh-keygen', '/usr/bin/scp']
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox']
/** Enough to look around and to edit an authorized_keys; the node itself has nothing to look at with them. */
const TOOLS = [
  ...[
    'cat',
    'chmod',
    'chown',
    'cp',
    'date',
    'df',
    'du',
    'echo',
    'env',
    'grep',
    'head',
    'id',
    'kill',
  ],
  ...[
    'ln',
    'ls',
    'mkdir',
    'mv',
    'rm',
    'rmdir',
    'sed',
    'sleep',
    'stat',
    'tail',
    'touch',
    'uname',
    'wc',
  ],
]
/** Only where one file has them all. */
const BUSYBOX_TOOLS = [
  ...TOOLS,
  ...[
    'clear',
    'diff',
    'find',
    'free',
    'gunzip',
    'gzip',
    'less',
    'nc',
    'netstat',
    'ping',
    'ps',
    'sort',
  ],
  ...['tar', 'tee', 'top', 'tr', 'vi', 'wget', 'which', 'whoami', 'xargs'],
]
/** Opened by name, so no program needs them in its headers; since glibc 2.34 `files` is in libc itself. */
const NAME_SERVICES = ['libnss_files.so.2', 'libnss_dns.so.2']

/** `shells`: those of the accounts. Throws SshAppError, and BuildError when a library is missing. */
export function lookPrograms(files: OldFiles, shells: readonly string[]): Programs {
  return new Collection(files).collect(shells)
}

/** Where sshd is; null when there is none. */
export const findSshd = (files: OldFiles): string | null => firstThere(files, SSHD)

function firstThere(files: OldFiles, paths: readonly string[]): string | null {
  return paths.find((path) => files.find(path)?.stats.isFile()) ?? null
}

class Collection {
  readonly #old: OldFiles
  readonly #files = new Map<string, string>()
  readonly #links = new Map<string, string>()
  readonly #names: string[] = []
  /** Where a real file has gone: one that has several names is there once. */
  readonly #places = new Map<string, string>()
  #architecture: Manifest['architecture'] = 'amd64'

  constructor(old: OldFiles) {
    this.#old = old
  }

  collect(shells: readonly string[]): Programs {
    const sshd = findSshd(this.#old)
    if (sshd === null)
      throw new SshAppError(
        'there is no sshd on this system (looked for /usr/sbin/sshd); install OpenSSH, or choose another ' +
          'way in with --no-ssh',
      )
    this.#architecture = this.#architectureOf(sshd)
    this.#add(sshd)
    for (const directory of HELPER_DIRECTORIES)
      for (const name of HELPERS) this.#addIfThere(posix.join(directory, name))
    for (const path of KEY_TOOLS) this.#addIfThere(path)
    for (const path of new Set(shells)) this.#addIfThere(path)
    const busybox = firstThere(this.#old, BUSYBOX)
    if (busybox === null) this.#addTools()
    else this.#addBusybox(busybox)
    this.#addNameServices()
    const shell = this.#has('/bin/bash') ? '/bin/bash' : '/bin/sh'
    if (!this.#has(shell))
      throw new SshAppError('there is no shell on this system, not even /bin/sh')
    const [files, links, names] = [this.#files, this.#links, this.#names]
    return { sshd, architecture: this.#architecture, files, links, names, shell }
  }

  #has(path: string): boolean {
    return this.#files.has(path) || this.#links.has(path)
  }

  #architectureOf(sshd: string): Manifest['architecture'] {
    const architecture = readElf(this.#hostPath(sshd))?.architecture ?? null
    if (architecture !== null) return architecture
    throw new SshAppError(
      `${sshd} is not a program of this machine; choose another way in with --no-ssh`,
    )
  }

  #hostPath(path: string): string {
    const found = this.#old.find(path)
    if (found === null) throw new Error(`BUG: ${path} is not there`)
    return this.#old.root.hostPath(found.path)
  }

  #addIfThere(path: string): void {
    if (this.#has(path) || this.#old.find(path)?.stats.isFile() !== true) return
    if (readElf(this.#hostPath(path)) !== null) this.#add(path)
  }

  #add(path: string): void {
    this.#names.push(path)
    this.#copy(path)
  }

  /** With the libraries that it needs. */
  #copy(path: string): void {
    const { root } = this.#old
    const real = this.#hostPath(path)
    const twin = this.#places.get(real)
    if (twin !== undefined) {
      this.#links.set(path, twin)
      return
    }
    this.#places.set(real, path)
    this.#files.set(path, real)
    const manifest = sshManifest(path, this.#architecture)
    const directories = root.directory === '/' ? hostDirectories(this.#architecture) : []
    const where = this.#old.find(path)?.path ?? path
    for (const file of loadedBy(where, { root, manifest, hostDirectories: directories }))
      this.#files.set(file.path, file.hostPath)
  }

  #addTools(): void {
    this.#addIfThere('/bin/sh')
    for (const name of TOOLS)
      for (const directory of ['/bin', '/usr/bin']) {
        if (!this.#has(`/bin/${name}`)) this.#addIfThere(`${directory}/${name}`)
      }
  }

  #addBusybox(busybox: string): void {
    this.#addIfThere(busybox)
    for (const name of ['sh', ...BUSYBOX_TOOLS])
      if (!this.#has(`/bin/${name}`)) this.#links.set(`/bin/${name}`, busybox)
  }

  #addNameServices(): void {
    const libc = [...this.#files.keys()].find((path) => posix.basename(path) === 'libc.so.6')
    if (libc === undefined) return
    for (const name of NAME_SERVICES) {
      const path = posix.join(posix.dirname(libc), name)
      if (this.#old.find(path) !== null && !this.#has(path)) this.#copy(path)
    }
  }
}

/** What runs as the app. Also stands in for a program whose libraries are looked for. */
export function sshManifest(sshd: string, architecture: Manifest['architecture']): Manifest {
  const config = { Entrypoint: [sshd, '-D', '-e', '-f', SSHD_CONFIG] }
  const fields = { name: 'ssh', architecture, management: true, config }
  return parseManifest(Buffer.from(JSON.stringify(fields)))
}
