// cloud upgrade [NODE] FILE, cloud upgrade [NODE] --rollback: another init on a node, without a reboot.
import { statSync } from 'node:fs'
import { clientFor, type CommandSpec, type Context } from '../command.ts'
import type { NodeClient } from '../client.ts'
import { CloudError, ExitCode, usageError } from '../errors.ts'
import { ImageFile } from '../image-file.ts'
import { outcome, rollBack, untilRestart, upgrade as upgradeOn } from '../upgrade.ts'
import { upgradeView, type UpgradeView } from '../upgrade-view.ts'

export const upgrade: CommandSpec = {
  name: 'upgrade',
  usage: '[NODE] FILE',
  summary: "run FILE (build/solocloud) in the place of the node's init; no reboot, no app restarts",
  options: (command) => command.option('--rollback', 'back to the file before the last upgrade'),
  async run(context, words) {
    const [client, files] = clientFor(context, words)
    if (context.options['rollback'] === true) await runRollback(context, client, files)
    else await runUpgrade(context, client, files)
    return ExitCode.ok
  },
}

async function runUpgrade(context: Context, client: NodeClient, files: string[]): Promise<void> {
  const [path, ...more] = files
  if (path === undefined) throw usageError('Which file? Name it: `cloud upgrade NODE build/init`.')
  if (more.length > 0) throw usageError(`upgrade takes one file, so not "${more.join(' ')}" too.`)
  refuseOthers(path)
  await using file = await ImageFile.open(path)
  const view = upgradeView(context.io, context.json, client.address.text, file.bytes)
  await follow(client, view, upgradeOn(client, file, view))
}

async function runRollback(context: Context, client: NodeClient, files: string[]): Promise<void> {
  if (files.length > 0)
    throw usageError(`--rollback takes only a node, so not "${files.join(' ')}".`)
  const view = upgradeView(context.io, context.json, client.address.text)
  await follow(client, view, rollBack(client))
}

/** Until the node says how it ended. */
async function follow(
  client: NodeClient,
  view: UpgradeView,
  events: Parameters<typeof untilRestart>[0],
): Promise<void> {
  try {
    const life = await untilRestart(events, (event) => view.event(event))
    view.confirmed(await outcome(client, life))
  } finally {
    view.end()
  }
}

/** What ImageFile would tell in an image's words. */
function refuseOthers(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.isFile() && found.size > 0)) return
  const detail = `${path} is not a file with something in it; name build/solocloud or build/init.`
  throw new CloudError(ExitCode.failed, 'not-solocloud', detail)
}
