// cloud restart [NODE] APP...: ends an app's processes and starts it again.
import { appStatus } from '../../protocol/wire.ts'
import { appsFromWords } from '../app-word.ts'
import { clientFor, forEachApp, type CommandSpec } from '../command.ts'
import { printJson, printLine } from '../io.ts'

export const restart: CommandSpec = {
  name: 'restart',
  usage: '[NODE] APP...',
  summary: 'stop apps and start them again',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    return forEachApp(context, appsFromWords(rest), async (name) => {
      const { value } = await client.ask('POST', `/v1/apps/${name}/restart`, appStatus)
      if (context.json) printJson(context.io, value)
      else printLine(context.io, `${name}: ${value.state}, generation ${value.generation}`)
    })
  },
}
