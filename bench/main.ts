// `make bench`: solocloud side by side with Debian, systemd, podman and other supervisors, in one run on this
// machine. Options: --quick measures everything once; --only=boots, installs, pushes or supervisors makes a part.
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
import { installRows } from './installs.ts'
import { podmanVersions } from './podman.ts'
import { pushRows } from './pushes.ts'
import { OURS } from './supervisors/running-solocloud.ts'
import { superviseSection } from './supervisors/section.ts'
import { type Topic, topicMarkdown, topicText } from './supervisors/topic.ts'
import { markdownTable, type Row, textTable } from './table.ts'

const OUT = join(ROOT, 'build/bench')
const BOOTS = 3
const PUSHES = 5
const INSTALLS = 3

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

async function installs(scratch: string, times: number): Promise<Half> {
  const file = join(ROOT, 'build/solocloud')
  return {
    rows: await installRows(file, scratch, times, say),
    notes: [
      'Installing: Debian 12 with GRUB, ifupdown and sshd on ext4, 256 MB, the file copied there before; by kexec.',
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
  const { quick } = values
  const parts = chosen(values.only)
  if (process.getuid?.() !== 0) throw new Error('make bench needs root, for debootstrap and podman')
  const scratch = await makeScratch(OUT)
  try {
    const halves: Half[] = []
    if (parts.includes('pushes')) halves.push(await pushes(scratch, quick ? 1 : PUSHES))
    if (parts.includes('installs')) halves.unshift(await installs(scratch, quick ? 1 : INSTALLS))
    if (parts.includes('boots')) halves.unshift(await boots(scratch, quick ? 1 : BOOTS))
    const section = parts.includes('supervisors')
      ? await superviseSection({ cache: join(ROOT, '.cache'), scratch, quick, report: say })
      : { topics: [], notes: [] }
    await publish(
      halves.flatMap(({ rows }) => rows),
      [...halves.flatMap(({ notes }) => notes), ...section.notes],
      section.topics,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const PARTS = ['boots', 'installs', 'pushes', 'supervisors'] as const

function chosen(only: string | undefined): readonly string[] {
  if (only === undefined) return PARTS
  const part = PARTS.find((name) => name === only)
  if (part === undefined) throw new Error(`--only=${only}: say ${PARTS.join(', ')}`)
  return [part]
}

async function publish(
  rows: readonly Row[],
  notes: readonly string[],
  topics: readonly Topic[],
): Promise<void> {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`
  const all = [
    `Medians (± half the range) on ${machine}; ratio: the peer's value over ours.`,
    ...notes,
  ]
  await mkdir(OUT, { recursive: true })
  const results = { date: new Date().toISOString(), notes: all, rows, topics }
  await writeFile(join(OUT, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
  const page = (table: string | null, tables: readonly string[]) =>
    [...(table === null ? [] : [table]), ...tables, all.join('\n')].join('\n\n') + '\n'
  const some = rows.length > 0
  const markdown = topics.map((topic) => topicMarkdown(topic, OURS))
  await writeFile(join(OUT, 'table.md'), page(some ? markdownTable(rows) : null, markdown))
  const texts = topics.map((topic) => topicText(topic, OURS))
  process.stdout.write(page(some ? textTable(rows) : null, texts))
}

try {
  await run()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
