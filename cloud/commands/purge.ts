// cloud node purge [NODE]: removes the system that the node was installed over.
import type { Purged, PurgeProgress } from '../../protocol/api.ts'
import { purgeProgress } from '../../protocol/wire.ts'
import { agree } from '../consent.ts'
import { clientFor, type CommandSpec, type Context } from '../command.ts'
import { ExitCode, problemError, usageError } from '../errors.ts'
import { printJson, printLine } from '../io.ts'
import { askStory, type Story } from '../push.ts'
import { printable } from '../../terminal/table.ts'
import { Ticker } from '../ticker.ts'
import { formatBytes } from '../../terminal/units.ts'

const STORY: Story<PurgeProgress> = {
  decode: purgeProgress,
  isLast: ({ event }) => event === 'purged' || event === 'error',
  look: 'cloud node',
}

export const purge: CommandSpec = {
  name: 'purge',
  usage: '[NODE]',
  summary: 'remove the old system that the node was installed over; there is no way back after it',
  options: (command) =>
    command
      .option('--keep <path>', 'leave this path, with all below it; any number of times', collect)
      .option('-y, --yes', 'do not ask'),
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0) {
      const named = rest.join(' ')
      throw usageError(`purge takes only a node, so not "${named}"; what stays is named by --keep.`)
    }
    const keep = (context.options['keep'] ?? []) as string[]
    const node = client.address.text
    await agree(context, `The old system of ${node} will be removed for good.`)
    const query = keep.map((path) => `keep=${encodeURIComponent(path)}`).join('&')
    const resource = `/v1/node/purge${query === '' ? '' : `?${query}`}`
    const ticker = new Ticker(context.io)
    try {
      for await (const event of askStory(client, resource, STORY))
        show(context, node, ticker, event)
    } finally {
      ticker.hide()
    }
    return ExitCode.ok
  },
}

function collect(path: string, before: string[] = []): string[] {
  return [...before, path]
}

function show({ io, json }: Context, node: string, ticker: Ticker, event: PurgeProgress): void {
  if (event.event === 'error') throw problemError(event.problem, event.logs)
  if (json) printJson(io, { node, ...event })
  else if (event.event === 'removing')
    ticker.show(`${node}: ${event.entries} files removed, ${formatBytes(event.freedBytes)} freed`)
  else {
    ticker.hide()
    for (const line of outcome(event)) printLine(io, `${node}: ${printable(line)}`)
  }
}

function outcome({ entries, freedBytes, left, leftCount, otherMounts }: Purged): string[] {
  const more = leftCount - left.length
  return [
    `the old system is removed: ${entries} files, ${formatBytes(freedBytes)} freed`,
    ...left.map(({ path, reason }) => `${path} stays: ${reason}`),
    ...(more > 0 ? [`${more} more stay`] : []),
    ...(otherMounts.length > 0 ? [`left alone: ${otherMounts.join(', ')}`] : []),
  ]
}
