// cloud logs [NODE] APP: what an app wrote, to where it wrote it: stdout or stderr.
import { InvalidArgumentError } from 'commander'
import type { LogEvent } from '../../protocol/api.ts'
import { logEvent } from '../../protocol/wire.ts'
import { appsFromWords } from '../app-word.ts'
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, type Io } from '../io.ts'

const LINES_DEFAULT = '100'

export const logs: CommandSpec = {
  name: 'logs',
  usage: '[NODE] APP',
  summary: "show an app's output",
  options: (command) =>
    command
      .option('-f, --follow', 'go on with new lines as they come')
      .option('-n, --lines <n>', 'begin with the last n lines, or "all"', lineCount, LINES_DEFAULT)
      .option('-t, --timestamps', 'show when each line was written (UTC)'),
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    const [name, ...more] = appsFromWords(rest)
    if (name === undefined || more.length > 0) throw usageError('logs shows one app at a time.')
    const { follow, lines, timestamps } = context.options
    const query = `tail=${String(lines)}${follow === true ? '&follow' : ''}`
    for await (const event of client.stream('GET', `/v1/apps/${name}/logs?${query}`, logEvent)) {
      if (context.json) printJson(context.io, event)
      else printEvent(context.io, event, timestamps === true)
    }
    return ExitCode.ok
  },
}

function lineCount(word: string): string {
  if (word === 'all' || /^\d{1,9}$/.test(word)) return word
  throw new InvalidArgumentError('It must be a number of lines, or "all".')
}

function printEvent(io: Io, event: LogEvent, timestamps: boolean): void {
  if ('droppedLines' in event) {
    io.err.write(
      `cloud: ${event.droppedLines} lines are missing here: they came faster than read\n`,
    )
    return
  }
  const output = event.stream === 'stdout' ? io.out : io.err
  output.write(`${timestamps ? `${event.at} ` : ''}${event.line}\n`)
}
