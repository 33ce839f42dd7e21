// `make bench`: solocloud side by side with Debian, systemd and podman, in one run on this machine.
// Options: --quick measures everything once; --only=boots and --only=pushes make half of the table.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from '../demo/scratch.ts'
import { EXAMPLES, ROOT } from '../demo/tour.ts'
import { command } from '../qemu/command.ts'
import { buildInitramfs } from '../qemu/initramfs.ts'
import { fetchKernel } from '../qemu/kernel.ts'
import { bootRows } from './boots.ts'
import { debianTree, debianVersions } from './debian.ts'
import { makeDisks } from './disks.ts'
import { benchImage, type BenchImage } from './images.ts'
import { podmanVersions } from './podman.ts'
import { pushRows } from './pushes.ts'
import { markdownTable, type Row, textTable } from './table.ts'

const OUT = join(ROOT, 'build/bench')
const BOOTS = 3
const PUSHES = 5

/** What was measured, and a line for each thing that a reader must know to judge it. */
interface Half {
  rows: Row[]
  notes: string[]
}

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`)

/** The example's image for both sides; the compression is kept in the cache. */
async function exampleImage(app: string): Promise<BenchImage> {
  const example = EXAMPLES.find(({ name }) => name === app)
  if (example === undefined) throw new Error(`BUG: no example ${app}`)
  say(`images of ${app}`)
  const source = join(ROOT, 'build/images', example.image)
  return benchImage(app, example.port, source, join(ROOT, '.cache/bench/images'))
}

async function boots(scratch: string, times: number): Promise<Half> {
  const kernel = await fetchKernel(join(ROOT, '.cache/kernel'), say)
  const machine = { kernel, initramfs: join(scratch, 'initramfs.cpio') }
  await buildInitramfs(kernel, machine.initramfs)
  const tree = await debianTree(join(ROOT, '.cache/bench'), kernel, say)
  const image = await exampleImage('cpp-hello')
  say('disks, with the app installed by either system')
  const disks = await makeDisks(machine, tree, image, scratch)
  const qemu = (await command('qemu-system-x86_64', ['--version'])).split('\n')[0] ?? ''
  return {
    rows: await bootRows(machine, disks, image.port, times, say),
    notes: [
      `Guests: ${qemu}, ${process.env['ACCEL'] ?? 'tcg'}, 1 CPU, 256 MB, Linux ${kernel.version}, same initramfs.`,
      `Debian 12 by debootstrap --variant=minbase: ${(await debianVersions(tree)).join(', ')}.`,
      'Timers, gettys and other services that a small VPS does not need are off there.',
      'The disks hold no kernel, and only the modules that each system loads.',
    ],
  }
}

async function pushes(scratch: string, times: number): Promise<Half> {
  const images = [
    { kind: 'C++', image: await exampleImage('cpp-hello') },
    { kind: 'Node.js', image: await exampleImage('node-greeter') },
  ]
  return {
    rows: await pushRows(images, scratch, times, say),
    notes: [
      `In namespaces on this machine: ${(await podmanVersions()).join(', ')}, overlay, --network=host,`,
      '--cgroups=disabled (this machine lends none); same tar, same compressor on both sides.',
    ],
  }
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  })
  const { quick, only } = values
  if (only !== undefined && only !== 'boots' && only !== 'pushes') {
    throw new Error(`--only=${only}: say boots or pushes`)
  }
  if (process.getuid?.() !== 0) throw new Error('make bench needs root, for debootstrap and podman')
  const scratch = await makeScratch(OUT)
  try {
    const halves: Half[] = []
    if (only !== 'boots') halves.push(await pushes(scratch, quick ? 1 : PUSHES))
    if (only !== 'pushes') halves.unshift(await boots(scratch, quick ? 1 : BOOTS))
    await publish(
      halves.flatMap(({ rows }) => rows),
      halves.flatMap(({ notes }) => notes),
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function publish(rows: Row[], notes: string[]): Promise<void> {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`
  const all = [
    `Medians (± half the range) on ${machine}; ratio: the peer's value over ours.`,
    ...notes,
  ]
  await mkdir(OUT, { recursive: true })
  const results = { date: new Date().toISOString(), notes: all, rows }
  await writeFile(join(OUT, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
  await writeFile(join(OUT, 'table.md'), `${markdownTable(rows)}\n\n${all.join('\n')}\n`)
  process.stdout.write(`${textTable(rows)}\n\n${all.join('\n')}\n`)
}

try {
  await run()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
