// Unpacking one .txz: ours beside `tar -xJf` and, where it is installed, bsdtar; as ratios within one run,
// for the machine's speed changes from run to run. Needs root and build/solocloud.
// Usage: node bench/unpack.ts [IMAGE.txz]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'

const ROUNDS = 5
const RUN_MS_MAX = 300_000
const FILE = resolve(import.meta.dirname, '../build/solocloud')
const DEFAULT_IMAGE = resolve(import.meta.dirname, '../build/images/node-greeter.txz')

/** Programs with their arguments; each ends with its data on the disk, as ours does. */
const PEERS: Readonly<Record<string, (image: string, root: string) => string>> = {
  solocloud: (image, root) => `"${FILE}" unpack "${root}" < "${image}" > /dev/null`,
  tar: (image, root) => `tar -C "${root}" -xJf "${image}" && sync -f "${root}"`,
  bsdtar: (image, root) => `bsdtar -C "${root}" -xf "${image}" && sync -f "${root}"`,
}

/** Milliseconds of one unpacking into an empty directory. Throws when it fails. */
function unpackMs(script: string, root: string): number {
  mkdirSync(root)
  const start = performance.now()
  const { status } = spawnSync('/bin/sh', ['-c', script], { stdio: 'inherit', timeout: RUN_MS_MAX })
  const ms = performance.now() - start
  rmSync(root, { recursive: true })
  if (status !== 0) throw new Error(`failed: ${script}`)
  return ms
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function isInstalled(program: string): boolean {
  return spawnSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0
}

function main(image: string): void {
  for (const file of [FILE, image]) {
    if (!existsSync(file)) throw new Error(`${file} is missing; run make build first`)
  }
  const names = Object.keys(PEERS).filter((name) => name === 'solocloud' || isInstalled(name))
  const times = new Map<string, number[]>(names.map((name) => [name, []]))
  const work = mkdtempSync(join(tmpdir(), 'solocloud-bench-'))
  try {
    // Round by round, so that whatever else the machine does meets all of them alike.
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of names) {
        const script = PEERS[name]?.(image, join(work, 'root')) ?? ''
        times.get(name)?.push(unpackMs(script, join(work, 'root')))
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const base = median(times.get('tar') ?? [])
  process.stdout.write(`${image}: ${(statSync(image).size / 1e6).toFixed(1)} MB packed\n`)
  for (const [name, values] of times) {
    const ms = median(values)
    process.stdout.write(
      `${name.padEnd(10)} ${ms.toFixed(0)} ms  ${(ms / base).toFixed(2)} x tar\n`,
    )
  }
}

main(resolve(process.argv[2] ?? DEFAULT_IMAGE))
