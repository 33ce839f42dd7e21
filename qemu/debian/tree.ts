// Makes a Debian's root file system with debootstrap, from Debian's own packages, and keeps it in the cache.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cached } from '../cache.ts'
import { command, type CommandOptions } from '../command.ts'
import { sandboxed } from '../sandbox.ts'
import { fstab, partitions } from './partitions.ts'
import * as debian from './system.ts'
import type { System } from './system.ts'

export type Report = (line: string) => void

export interface Bootstrap {
  suite: string
  mirror: string
  /** Beside the essential ones. */
  packages: readonly string[]
  /** Not these, though a package depends on them or, as debootstrap does not see, on something else. */
  without?: readonly string[]
  /** Texts by path that are there before any package is configured. */
  files?: Readonly<Record<string, string>>
}

const SCRIPTS = '/usr/share/debootstrap/scripts'
/** Three minutes, but for a machine that does much else. */
const STAGE_MS_MAX = 1_800_000

/** Makes the directory `tree`. The packages' scripts run as root in it, in namespaces without a network. */
export async function bootstrap(tree: string, { files = {}, ...what }: Bootstrap): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('debootstrap needs root: try again with sudo')
  const include = `--include=${what.packages.join(',')}`
  // The first stage only downloads and unpacks; the second runs the packages' scripts.
  const first = ['--foreign', '--variant=minbase', include, what.suite, tree, what.mirror]
  const dir = await mkdtemp(join(tmpdir(), 'debootstrap-'))
  try {
    await writeFile(join(dir, 'script'), await suiteScript(what))
    await command('debootstrap', [...first, join(dir, 'script')], { timeoutMs: STAGE_MS_MAX })
  } finally {
    await rm(dir, { recursive: true })
  }
  await writeFiles(tree, files)
  await run(sandboxed(['chroot', tree, '/debootstrap/debootstrap', '--second-stage']), {
    timeoutMs: STAGE_MS_MAX,
  })
}

/** The suite's own; its --exclude leaves out only what no other package depends on. */
async function suiteScript({ suite, without = [] }: Bootstrap): Promise<string> {
  const own = await readFile(`${SCRIPTS}/${suite}`, 'utf8')
  return `${own}\nEXCLUDE_DEPENDENCY="${without.join(' ')}"\n`
}

export async function writeFiles(
  tree: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), text)
  }
}

/** Runs the words of a sandbox. */
export async function run(words: readonly string[], options?: CommandOptions): Promise<string> {
  const [file = '', ...args] = words
  return command(file, args, options)
}

/** The directory, in `cacheDir` (absolute), of a Debian with the system's packages and nobody's settings. */
export async function debianTree(
  cacheDir: string,
  system: System,
  report: Report,
): Promise<string> {
  const root = partitions(system).filter(({ mountPoint }) => mountPoint === '/')
  // An initramfs gets the means to check what fstab names.
  const files = { ...debian.EARLY_FILES, '/etc/fstab': fstab(root) }
  const what = { suite: debian.SUITE, mirror: debian.MIRROR, files }
  const without = debian.withoutPackages(system)
  const recipe: Bootstrap = {
    ...what,
    packages: debian.packages(system),
    ...(without.length === 0 ? {} : { without }),
  }
  return cached(cacheDir, 'debian-tree', digestOf(recipe), async (tree) => {
    report(`debootstrap: Debian ${debian.SUITE} with ${recipe.packages.join(', ')}`)
    await bootstrap(tree, recipe)
    for (const path of debian.EARLY_ONLY) await rm(join(tree, path))
    await rm(join(tree, 'var/cache/apt/archives'), { recursive: true })
    await rm(join(tree, 'var/lib/apt/lists'), { recursive: true })
  })
}

/** Of anything that JSON can say. */
export function digestOf(recipe: unknown): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)
}
