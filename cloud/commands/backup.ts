// cloud node backup [NODE]: the node's settings and apps as a tar, for `install --restore` on another machine.
import { once } from 'node:events'
import { open, rename, rm } from 'node:fs/promises'
import { clientFor, type CommandSpec, type Context } from '../command.ts'
import { CloudError, errorCode, ExitCode, usageError } from '../errors.ts'
import { printJson, type Io } from '../io.ts'
import { Ticker } from '../ticker.ts'
import { formatBytes } from '../../terminal/units.ts'

/** It has the keys of the node's apps. */
const MODE = 0o600

export const backup: CommandSpec = {
  name: 'backup',
  usage: '[NODE] > node.tar',
  summary: "write the node's settings and apps as a tar, from which another machine can be made",
  options: (command) => command.option('-o, --output <file>', 'write to this file instead'),
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0)
      throw usageError(`backup takes only a node, so not "${rest.join(' ')}"; use -o FILE.`)
    const output = context.options['output'] as string | undefined
    if (output === undefined && context.io.out.isTTY === true)
      throw usageError('A backup is not for a terminal: add `> node.tar`, or -o node.tar.')
    const node = client.address.text
    const ticker = new Ticker(context.io)
    let bytes = 0
    const archive = count(client.bytes('/v1/node/backup', 'application/x-tar'), (more) => {
      bytes += more
      ticker.show(`${node}: ${formatBytes(bytes)}`)
    })
    try {
      if (output === undefined) await toOutput(context.io, archive)
      else await toFile(output, archive)
    } finally {
      ticker.hide()
    }
    tell(context, { node, event: 'backed-up', bytes, file: output ?? null })
    return ExitCode.ok
  },
}

async function* count(
  chunks: AsyncIterable<Buffer>,
  add: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    add(chunk.length)
    yield chunk
  }
}

async function toOutput({ out }: Io, archive: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of archive) if (!out.write(chunk)) await once(out, 'drain')
}

/** The file has its name only when it is whole. */
async function toFile(path: string, archive: AsyncIterable<Buffer>): Promise<void> {
  const partial = `${path}.partial`
  try {
    await using file = await open(partial, 'w', MODE)
    for await (const chunk of archive) await file.writeFile(chunk)
    await file.sync()
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    const code = error instanceof CloudError ? '' : errorCode(error)
    if (code === '') throw error
    throw new CloudError(ExitCode.failed, 'not-written', `${path} can't be written: ${code}.`)
  }
}

interface BackedUp {
  node: string
  event: 'backed-up'
  bytes: number
  /** null: standard output, which then is no place for words. */
  file: string | null
}

function tell({ io, json }: Context, told: BackedUp): void {
  if (json && told.file !== null) printJson(io, told)
  else if (json) io.err.write(`${JSON.stringify(told)}\n`)
  else io.err.write(`${told.node}: ${formatBytes(told.bytes)} backed up\n`)
}
