// cloud stop [NODE] APP...: stops apps and deletes them from the node.
import { appsFromWords } from '../app-word.ts'
import { clientFor, forEachApp, type CommandSpec } from '../command.ts'
import { printJson, printLine } from '../io.ts'

export const stop: CommandSpec = {
  name: 'stop',
  usage: '[NODE] APP...',
  summary: 'stop apps and delete them from the node',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    return forEachApp(context, appsFromWords(rest), async (name) => {
      await client.tell('DELETE', `/v1/apps/${name}`)
      if (context.json) printJson(context.io, { name, event: 'stopped' })
      else printLine(context.io, `${name}: stopped and deleted`)
    })
  },
}
