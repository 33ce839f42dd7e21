// The native targets by name.
import type { NativeBuild } from './build-native.ts'
import { argumentSeeds, loaderSeeds, spawnSeeds } from './native-seeds.ts'

export interface NativeTarget extends NativeBuild {
  seeds: () => Buffer[]
  /** Words of the target's grammar. */
  dictionary: readonly string[]
  bytesMax: number
}

const STEPS = [
  ...['setsid', 'cgroup', 'oom-score-adj', 'rlimit', 'enter-mount-namespace', 'enter-directory'],
  ...['mount', 'device', 'symlink', 'pivot-root', 'chroot', 'write', 'hostname', 'user'],
  ...['no-new-privs', 'chdir', 'init', 'exec', 'exit'],
]

export const NATIVE_TARGETS: ReadonlyMap<string, NativeTarget> = new Map([
  [
    'loader-table',
    {
      ...{ harness: 'loader-table.c', sources: [], seeds: loaderSeeds, bytesMax: 20_000 },
      dictionary: [
        'solocloud parts\0',
        '\x7fELF',
        '\0\0\0\0\0\x10\0\0',
        '\0\xf0\xff\xff\xff\xff\xff\xff',
      ],
    },
  ],
  [
    'spawn-plan',
    {
      ...{ harness: 'spawn-plan.c', sources: ['spawn.c'], seeds: spawnSeeds, bytesMax: 4096 },
      dictionary: [
        ...STEPS.map((step) => `${step}\0`),
        ...['../', '/..\0', './', '-1\0', '0\0', '9223372036854775807\0', '4294967295', 'HOME=\0'],
        ...['PATH=:/a::b\0', 'root:x:0:0::/:\n', ':', ',', '\n', '\x01', '\xff'],
      ],
    },
  ],
  [
    'addon-arguments',
    {
      ...{ harness: 'addon-arguments.cc', sources: [], seeds: argumentSeeds, bytesMax: 1024 },
      dictionary: [],
    },
  ],
])
