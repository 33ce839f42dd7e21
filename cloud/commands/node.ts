// cloud node [NODE]: the machine itself.
import type { NodeStatus } from '../../protocol/api.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, type Io } from '../io.ts'
import { formatTable, type Cell } from '../../terminal/table.ts'
import { formatBytes, formatDuration } from '../../terminal/units.ts'
import { backup } from './backup.ts'
import { crashes } from './crashes.ts'
import { purge } from './purge.ts'
import { uninstall } from './uninstall.ts'

export const node: CommandSpec = {
  name: 'node',
  usage: '[NODE]',
  summary: 'show the node: kernel, memory, disk, uptime, isolation, version',
  commands: [crashes, backup, purge, uninstall],
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0) throw usageError(`node takes no more words, so not "${rest.join(' ')}".`)
    const { value } = await client.ask('GET', '/v1/node', nodeStatus)
    if (context.json) printJson(context.io, value)
    else context.io.out.write(nodeTable(value, context.io.colors))
    return ExitCode.ok
  },
}

export function nodeTable(status: NodeStatus, colors: Io['colors']): string {
  const { memory, disk, apps } = status
  const lines: [label: string, text: string][] = [
    ['Host', status.hostname],
    ['Version', status.version],
    ['Kernel', `${status.kernel}, ${status.architecture}`],
    ['Up', `${formatDuration(status.uptimeMs)}, since ${status.bootedAt}`],
    ['Memory', `${used(memory.totalBytes, memory.availableBytes)}, PID 1 ${initUse(status)}`],
    ['Disk', `${used(disk.totalBytes, disk.freeBytes)}, ${disk.freeInodes} inodes free`],
    ['Isolation', status.isolation],
    ['Apps', `${apps.running} of ${apps.total} running`],
    ['Addresses', status.addresses.join(', ') || 'none'],
    ...installedLine(status),
    ['Managed at', status.manage.join(', ') || 'none'],
  ]
  const rows = lines.map(([label, text]): Cell[] => [{ text: label, paint: colors.bold }, { text }])
  const degraded = status.degraded.map((text, i): Cell[] => [
    { text: i === 0 ? 'Degraded' : '', paint: colors.yellow },
    { text },
  ])
  return formatTable([...rows, ...upgradeRow(status, colors), ...degraded])
}

function installedLine({ installation }: NodeStatus): [label: string, text: string][] {
  if (installation === null) return []
  const { method, state, trialEndsAt } = installation
  const how = state === 'trial' ? `on trial until ${trialEndsAt ?? 'it ends'}` : state
  return [['Installed', `by ${method}, ${how}`]]
}

/** An upgrade that went well is the version above. */
function upgradeRow({ init }: NodeStatus, colors: Io['colors']): Cell[][] {
  const { state, reason } = init.upgrade
  if (state === 'trial') return [[{ text: 'Upgrade', paint: colors.yellow }, { text: 'on trial' }]]
  if (reason === null) return []
  const text = state === 'went-back' ? `failed and went back: ${reason}` : reason
  return [[{ text: 'Upgrade', paint: colors.yellow }, { text }]]
}

function used(totalBytes: number, freeBytes: number): string {
  return `${formatBytes(totalBytes - freeBytes)} of ${formatBytes(totalBytes)} used`
}

function initUse(status: NodeStatus): string {
  const { residentBytes, unreclaimableBytes } = status.init
  return formatBytes(unreclaimableBytes ?? residentBytes)
}
