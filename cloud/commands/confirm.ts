// cloud confirm [NODE]: ends the trial of a node that was installed over another system.
import { installationStatus } from '../../protocol/installation.ts'
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, printLine } from '../io.ts'

export const confirm: CommandSpec = {
  name: 'confirm',
  usage: '[NODE]',
  summary: 'keep a node that was installed and is on trial: the machine boots it from now on',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    if (rest.length > 0) throw usageError(`confirm takes only a node, so not "${rest.join(' ')}".`)
    const { value } = await client.ask('POST', '/v1/node/confirm', installationStatus)
    const node = client.address.text
    if (context.json) printJson(context.io, { node, ...value })
    else printLine(context.io, `${node}: ${value.state}`)
    return ExitCode.ok
  },
}
