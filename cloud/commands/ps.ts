// cloud ps [NODE]: the apps of a node.
import type { AppStateName, AppStatus, LastExit } from '../../protocol/api.ts'
import { appStatuses } from '../../protocol/wire.ts'
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, type Io } from '../io.ts'
import { formatTable, printable, type Cell } from '../../terminal/table.ts'
import { formatDuration } from '../../terminal/units.ts'

export const ps: CommandSpec = {
  name: 'ps',
  usage: '[NODE]',
  summary: 'list the apps of a node',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0)
      throw usageError(`ps takes no more than a node, so not "${rest.join(' ')}".`)
    const { value: apps, nodeNowMs } = await client.ask('GET', '/v1/apps', appStatuses)
    const { io } = context
    if (context.json) printJson(io, apps)
    else {
      io.out.write(appTable(apps, nodeNowMs, io.colors))
      for (const { name, error } of apps) {
        if (error !== null) io.err.write(`cloud: ${name}: ${printable(error)}\n`)
      }
    }
    return ExitCode.ok
  },
}

const COLUMNS = [
  'NAME',
  'STATE',
  'ISOLATION',
  'PID',
  'UPTIME',
  'RESTARTS',
  'VERSION',
  'GENERATION',
  'LAST EXIT',
] as const

/** `nowMs` by the node's clock. */
export function appTable(apps: readonly AppStatus[], nowMs: number, colors: Io['colors']): string {
  const header = COLUMNS.map((text): Cell => ({ text, paint: colors.bold }))
  const row = (app: AppStatus): Cell[] => [
    { text: app.name },
    {
      text: app.deploying ? `${app.state}, push` : app.state,
      paint: paintState(app.state, colors),
    },
    { text: app.management ? `${app.isolation}, manages` : app.isolation },
    { text: String(app.pid ?? '-') },
    { text: app.startedAt === null ? '-' : formatDuration(nowMs - Date.parse(app.startedAt)) },
    { text: String(app.restarts) },
    { text: app.version ?? '-' },
    { text: String(app.generation) },
    { text: lastExit(app.lastExit, nowMs) },
  ]
  return formatTable([header, ...apps.map(row)])
}

function paintState(state: AppStateName, colors: Io['colors']): (text: string) => string {
  if (state === 'running') return colors.green
  return state === 'backing-off' || state === 'stopped' ? colors.red : colors.yellow
}

function lastExit(exit: LastExit | null, nowMs: number): string {
  if (exit === null) return '-'
  const how = exit.signal ?? `exit ${exit.exitCode ?? 0}`
  return `${how}, ${formatDuration(nowMs - Date.parse(exit.at))} ago`
}
