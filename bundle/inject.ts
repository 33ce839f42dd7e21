// `inject.ts NODE BUNDLE OUTPUT FLAG...`: puts a program into a Node with pkg's single-executable
// function. TMPDIR must be the directory of BUNDLE.
import { createRequire } from 'node:module'
import { basename } from 'node:path'

interface SeaOptions {
  nodePath: string
  targets: { nodeRange: string; platform: string; arch: string; output: string }[]
  seaConfig: Record<string, unknown>
}
type Sea = (entry: string, options: SeaOptions) => Promise<void>

// pkg's command line would download a Node of its own; this function behind it takes ours.
const { default: sea } = createRequire(import.meta.url)('@yao-pkg/pkg/lib-es5/sea') as {
  default: Sea
}

const [nodePath = '', bundle = '', output = '', ...execArgv] = process.argv.slice(2)
await sea(bundle, {
  nodePath,
  targets: [{ nodeRange: 'node24', platform: 'linux', arch: process.arch, output }],
  seaConfig: {
    // pkg works in a fresh directory below TMPDIR. The blob keeps this path as it is written here, and
    // so must not hold the build directory's name.
    main: `../${basename(bundle)}`,
    useCodeCache: false, // its bytes differ from run to run
    execArgv,
    execArgvExtension: 'cli', // --node-options, which only the loader gives; NODE_OPTIONS is ignored
  },
})
