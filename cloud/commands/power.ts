// cloud reboot [NODE], cloud poweroff [NODE]. They do not ask: the command's name is the consent.
import { clientFor, type CommandSpec } from '../command.ts'
import { ExitCode, usageError } from '../errors.ts'
import { printJson, printLine } from '../io.ts'

export const reboot = powerCommand('reboot', 'restart the machine', 'going down to reboot')
export const poweroff = powerCommand('poweroff', 'turn the machine off', 'powering off')

function powerCommand(action: 'reboot' | 'poweroff', summary: string, answer: string): CommandSpec {
  return {
    name: action,
    usage: '[NODE]',
    summary,
    async run(context, words) {
      const [client, rest] = clientFor(context, words)
      if (rest.length > 0)
        throw usageError(`${action} takes only a node, so not "${rest.join(' ')}".`)
      await client.tell('POST', `/v1/node/${action}`)
      const node = client.address.text
      if (context.json) printJson(context.io, { node, action })
      else printLine(context.io, `${node}: ${answer}`)
      return ExitCode.ok
    },
  }
}
