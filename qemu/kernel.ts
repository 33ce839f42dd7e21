// Fetches Debian's cloud kernel with apt and keeps it unpacked in the cache, so that it is fetched once.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { command } from './command.ts'

export interface Kernel {
  /** What `uname -r` says in the guest. */
  version: string
  /** The bzImage. */
  image: string
  /** lib/modules/<version>, with modules.dep. */
  modulesDir: string
}

const META_PACKAGE = 'linux-image-cloud-amd64'

/** The kernel in `dir`; fetched when it is not there yet, which needs apt and the network. */
export async function fetchKernel(dir: string, onLine: (line: string) => void): Promise<Kernel> {
  if (!existsSync(dir)) await download(dir, onLine)
  const [version] = await readdir(join(dir, 'lib/modules'))
  if (version === undefined) throw new Error(`no kernel in ${dir}: delete it and try again`)
  return {
    version,
    image: join(dir, `boot/vmlinuz-${version}`),
    modulesDir: join(dir, 'lib/modules', version),
  }
}

/** The versioned package that the meta package depends on, from `apt-cache depends`. */
export function kernelPackage(depends: string): string {
  const name = /Depends: (linux-image-\S+-cloud-amd64)$/m.exec(depends)?.[1]
  if (name !== undefined) return name
  throw new Error(`apt does not know ${META_PACKAGE}: run 'apt-get update' and try again`)
}

async function download(dir: string, onLine: (line: string) => void): Promise<void> {
  await mkdir(dirname(dir), { recursive: true })
  const staged = await mkdtemp(`${dir}.partial-`)
  try {
    const name = kernelPackage(await command('apt-cache', ['depends', META_PACKAGE]))
    onLine(`fetching ${name} (27 MB, once)`)
    // As root, apt drops to the user _apt, who may not write here: without this it warns.
    const sandbox = ['-o', 'APT::Sandbox::User=root']
    await command('apt-get', [...sandbox, 'download', name], { cwd: staged, onLine })
    const deb = (await readdir(staged)).find((file) => file.endsWith('.deb'))
    if (deb === undefined) throw new Error(`apt-get download ${name} left no package`)
    onLine(`unpacking ${deb}`)
    await command('dpkg-deb', ['-x', deb, '.'], { cwd: staged })
    await rm(join(staged, deb))
    for (const version of await readdir(join(staged, 'lib/modules'))) {
      await command('depmod', ['-b', '.', version], { cwd: staged })
    }
    // Complete or absent, also when two of us fetch at once: the second finds the name taken.
    await rename(staged, dir).catch((error: unknown) => {
      if (!existsSync(dir)) throw error
    })
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}
