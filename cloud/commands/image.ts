// cloud image build DIR -o FILE, cloud image inspect FILE. The builder is loaded when it is asked for: it
// brings a decoder with it that the other commands do without.
import type { BuildOptions, Built } from '../../image-builder/build.ts'
import type { Manifest } from '../../protocol/image.ts'
import { Bar } from '../bar.ts'
import type { CommandSpec, Context } from '../command.ts'
import { CloudError, errorCode, ExitCode, usageError } from '../errors.ts'
import { printJson, printLine } from '../io.ts'
import { formatTable, printable, type Cell } from '../../terminal/table.ts'
import { formatBytes } from '../../terminal/units.ts'

export const imageBuild: CommandSpec = {
  name: 'build',
  usage: 'DIR -o FILE',
  summary: 'pack a directory that has an image.json, with what its program needs',
  options: (command) =>
    command.requiredOption('-o, --output <file>', 'the image: .txz, .tgz, .tzst or .tar'),
  async run(context, words) {
    const directory = onlyWord(words, 'Which directory? Name the one that has an image.json.')
    const output = String(context.options['output'])
    const built = await guard(directory, () => buildWithBar(context, directory, output))
    if (context.json) printJson(context.io, { file: output, ...built })
    else printBuilt(context, output, built)
    return ExitCode.ok
  },
}

async function buildWithBar(context: Context, directory: string, output: string): Promise<Built> {
  const { build } = await import('../../image-builder/build.ts')
  const bar = new Bar(context.io, output)
  const onProgress: BuildOptions['onProgress'] = ({ bytes, totalBytes }) =>
    bar.show('packing', bytes, totalBytes)
  try {
    return await build(directory, output, context.json ? {} : { onProgress })
  } finally {
    bar.hide()
  }
}

function printBuilt({ io }: Context, output: string, built: Built): void {
  const { packedBytes, bytes, entries, digest, added } = built
  for (const path of added) printLine(io, `added ${printable(path)}`)
  const sizes = `${formatBytes(packedBytes)}, unpacked ${formatBytes(bytes)}, ${entries} entries`
  printLine(io, `${output}: ${sizes}, ${digest}`)
}

export const imageInspect: CommandSpec = {
  name: 'inspect',
  usage: 'FILE',
  summary: 'check an image as a node would, and show what it is',
  options: (command) => command.option('-l, --list', 'show the path of every entry too'),
  async run(context, words) {
    const file = onlyWord(words, 'Which image? Name its file.')
    const { inspect } = await import('../../image-builder/inspect.ts')
    const members: string[] = []
    const onMember = (path: string): void => void members.push(`/${path}`)
    const list = context.options['list'] === true
    const sums = await guard(file, () => inspect(file, list ? { onMember } : {}))
    if (context.json) {
      printJson(context.io, { file, ...sums, ...(list ? { members } : {}) })
      return ExitCode.ok
    }
    const facts: [label: string, text: string][] = [
      ['Image', file],
      ['Digest', sums.digest],
      [
        'Packed',
        `${formatBytes(sums.packedBytes)}, ${sums.compression}, sha256:${sums.packedSha256}`,
      ],
      ['Unpacked', `${formatBytes(sums.bytes)}, ${sums.entries} entries`],
      ...manifestFacts(sums.manifest),
    ]
    context.io.out.write(factTable(facts, context))
    for (const path of members) printLine(context.io, printable(path))
    return ExitCode.ok
  },
}

function manifestFacts(manifest: Manifest): [label: string, text: string][] {
  const { config } = manifest
  return [
    ['Name', manifest.name ?? '-'],
    ['Version', manifest.version ?? '-'],
    ['Architecture', manifest.architecture],
    ['Isolation', manifest.isolation ?? 'as the node allows'],
    ['Management', manifest.management ? 'yes: who gets into it may manage the node' : 'no'],
    ['Command', [...config.Entrypoint, ...config.Cmd].map(quoted).join(' ')],
    ['Environment', config.Env.map(quoted).join(' ') || '-'],
    ['Directory', config.WorkingDir],
    ['User', config.User],
    ['Stop signal', config.StopSignal],
  ]
}

function factTable(facts: readonly [label: string, text: string][], { io }: Context): string {
  return formatTable(
    facts.map(([label, text]): Cell[] => [{ text: label, paint: io.colors.bold }, { text }]),
  )
}

/** As a shell would want it, where it matters. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function onlyWord(words: readonly string[], question: string): string {
  const [word, ...more] = words
  if (word === undefined) throw usageError(question)
  if (more.length > 0) throw usageError(`One at a time, so not "${more.join(' ')}" too.`)
  return word
}

/** The builder's errors are sentences with a code already; those of the file system get one. */
async function guard<T>(subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = errorCode(error)
    if (/^E[A-Z0-9]+$/.test(code)) {
      const path = 'path' in error && typeof error.path === 'string' ? error.path : 'a file'
      throw new CloudError(ExitCode.failed, 'unreadable', fileSentence(code, path))
    }
    if (error.name !== 'BuildError' && error.name !== 'UnpackError') throw error
    const { message } = error
    const sentence = message.includes(subject) ? message : `${subject}: ${message}`
    throw new CloudError(ExitCode.failed, code, `${sentence}.`)
  }
}

function fileSentence(code: string, path: string): string {
  if (code === 'ENOENT') return `There is no ${path}; check the path.`
  if (code === 'EACCES') return `${path} may not be used; check its permissions.`
  if (code === 'ENOSPC') return `There is no room for ${path}; free some and try again.`
  return `${path}: ${code}; see errno(3).`
}
