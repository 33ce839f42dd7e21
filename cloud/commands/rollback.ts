// cloud rollback [NODE] APP...: back to the generation before the last start.
import { appsFromWords } from '../app-word.ts'
import { clientFor, forEachApp, type CommandSpec } from '../command.ts'
import { rollback as rollbackOn } from '../push.ts'
import { pushView } from '../push-view.ts'
import { showProgress } from './start.ts'

export const rollback: CommandSpec = {
  name: 'rollback',
  usage: '[NODE] APP...',
  summary: 'run the generation before the last start again',
  async run(context, words) {
    const [client, rest] = clientFor(context, words)
    return forEachApp(context, appsFromWords(rest), async (name) => {
      await showProgress(rollbackOn(client, name), pushView(context.io, context.json, name))
    })
  },
}
