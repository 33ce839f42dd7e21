// cloud node crashes [NODE] [N]: how PID 1 has died and been followed by itself, and how the last boot ended.
import type { BootEnd, CrashReport, NodeHistory } from '../../protocol/api.ts'
import { nodeHistory } from '../../protocol/wire.ts'
import { clientFor, type CommandSpec, type Context } from '../command.ts'
import { CloudError, ExitCode, usageError } from '../errors.ts'
import { printJson, printLine, type Io } from '../io.ts'
import { formatTable, printable, type Cell } from '../../terminal/table.ts'
import { formatDuration } from '../../terminal/units.ts'

export const crashes: CommandSpec = {
  name: 'crashes',
  usage: '[NODE] [N]',
  summary: 'show how PID 1 has crashed and the last boot has ended; N is a line of that table',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    const number = numberFrom(rest)
    const { value, nodeNowMs } = await client.ask('GET', '/v1/node/crashes', nodeHistory)
    if (number === null) showAll(context, value, nodeNowMs)
    else showOne(context, value, number)
    return ExitCode.ok
  },
}

function numberFrom([word, ...more]: readonly string[]): number | null {
  if (more.length > 0) throw usageError(`One crash at a time, so not "${more.join(' ')}" too.`)
  if (word === undefined) return null
  if (/^[1-9]\d{0,3}$/.test(word)) return Number(word)
  throw usageError(`Which crash? "${word}" is no line of the table: they are numbered from 1.`)
}

function showAll({ io, json }: Context, history: NodeHistory, nowMs: number): void {
  if (json) {
    printJson(io, history)
    return
  }
  if (history.crashes.length === 0) printLine(io, 'PID 1 has not crashed.')
  else io.out.write(crashTable(history.crashes, nowMs, io.colors))
  const [last] = history.boots
  if (last === undefined) return
  printLine(io, `\n${io.colors.bold('The boot before:')} ${bootSentence(last)}`)
  if (last.panic !== null) io.out.write(indented(last.panic))
}

const COLUMNS = ['N', 'WHEN', 'LIFE', 'UP FOR', 'REASON', 'ADDRESS', 'VERSION'] as const

/** `nowMs` by the node's clock. */
export function crashTable(
  reports: readonly CrashReport[],
  nowMs: number,
  colors: Io['colors'],
): string {
  const header = COLUMNS.map((text): Cell => ({ text, paint: colors.bold }))
  const row = (report: CrashReport, index: number): Cell[] => [
    { text: String(index + 1) },
    { text: `${formatDuration(nowMs - Date.parse(report.at))} ago` },
    { text: String(report.life) },
    { text: formatDuration(report.uptimeMs) },
    { text: report.reason, paint: colors.red },
    { text: report.address ?? '-' },
    { text: report.version },
  ]
  return formatTable([header, ...reports.map(row)])
}

export function bootSentence({ startedAt, shutDown, panic }: BootEnd): string {
  const began = `it began at ${startedAt}`
  if (shutDown !== null) {
    const act = shutDown.how === 'reboot' ? 'rebooted' : 'powered off'
    const said = panic === null ? '.' : ', and its kernel said:'
    return `shut down and ${act} at ${shutDown.at} (${printable(shutDown.reason)}); ${began}${said}`
  }
  if (panic !== null) return `not shut down, ${began}, and its kernel said:`
  return `not shut down: reset, without power, or a kernel panic that nothing recorded; ${began}.`
}

function showOne({ io, json }: Context, { crashes: reports }: NodeHistory, number: number): void {
  const report = reports[number - 1]
  if (report === undefined) {
    const detail = `There is no crash ${number}; \`cloud node crashes\` lists them.`
    throw new CloudError(ExitCode.failed, 'no-such-crash', detail)
  }
  if (json) {
    printJson(io, report)
    return
  }
  const facts: [label: string, text: string][] = [
    ['When', report.at],
    ['Life', `${report.life}, up for ${formatDuration(report.uptimeMs)}`],
    ['Reason', report.reason],
    ['Address', report.address ?? '-'],
    ['Thread', report.thread ?? '-'],
    ['Version', report.version],
  ]
  const rows = facts.map(([label, text]): Cell[] => [
    { text: label, paint: io.colors.bold },
    { text },
  ])
  io.out.write(formatTable(rows))
  if (report.jsStack !== null) printPart(io, 'JavaScript', report.jsStack)
  if (report.nativeStack.length > 0)
    printPart(io, 'Native, as addresses in the file', report.nativeStack.join('\n'))
}

function printPart(io: Io, title: string, text: string): void {
  printLine(io, `\n${io.colors.bold(`${title}:`)}`)
  io.out.write(indented(text))
}

function indented(text: string): string {
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => `  ${printable(line)}\n`).join('')
}
