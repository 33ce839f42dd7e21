// cloud node uninstall [NODE]: gives the machine back to the system that the node was installed over.
import { agree } from '../consent.ts'
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, printLine } from '../io.ts'

export const uninstall: CommandSpec = {
  name: 'uninstall',
  usage: '[NODE]',
  summary: 'remove the node with its apps, and reboot into the old system; not after a purge',
  options: (command) => command.option('-y, --yes', 'do not ask'),
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0)
      throw usageError(`uninstall takes only a node, so not "${rest.join(' ')}".`)
    const node = client.address.text
    await agree(context, `The node ${node} and all of its apps and their data will be removed.`)
    await client.tell('POST', '/v1/node/uninstall')
    if (context.json) printJson(context.io, { node, action: 'uninstall' })
    else printLine(context.io, `${node}: going down to reboot into the old system`)
    return ExitCode.ok
  },
}
