// cloud start [NODE] FILE...: pushes images; each becomes, or replaces, the app named like its file.
import { APP_NAME_RULE, isAppName } from '../../protocol/app-name.ts'
import type { Progress } from '../../protocol/api.ts'
import { appsFromWords } from '../app-word.ts'
import { clientFor, forEachApp, type CommandSpec } from '../command.ts'
import { problemError, usageError, type ExitCode } from '../errors.ts'
import { ImageFile } from '../image-file.ts'
import { push } from '../push.ts'
import { pushView, type PushView } from '../push-view.ts'

export const start: CommandSpec = {
  name: 'start',
  usage: '[NODE] FILE...',
  summary: 'push images and run them; an app that runs already is replaced',
  options: (command) => command.option('--name <app>', "the app's name, instead of the file's"),
  async run(context, words): Promise<ExitCode> {
    const [client, files] = clientFor(context, words)
    if (files.length === 0) {
      throw usageError('Which image? Name its file, as in `cloud start 1.2.3.4:5678 foo.txz`.')
    }
    const names = namesFor(files, context.options['name'])
    return forEachApp(context, names, async (name) => {
      await using image = await ImageFile.open(files[names.indexOf(name)] ?? '')
      const view = pushView(context.io, context.json, name, image.bytes)
      await showProgress(push(client, name, image, view), view)
    })
  },
}

function namesFor(files: readonly string[], option: unknown): string[] {
  if (typeof option !== 'string') return appsFromWords(files)
  if (files.length > 1) throw usageError('--name is for one image; start them one by one.')
  if (!isAppName(option)) throw usageError(`"${option}" can't be an app's name: ${APP_NAME_RULE}.`)
  return [option]
}

/** Shows a push or a rollback until its last event; throws when that is an error. */
export async function showProgress(
  events: AsyncGenerator<Progress>,
  view: PushView,
): Promise<void> {
  try {
    for await (const progress of events) {
      view.event(progress)
      if (progress.event === 'error') throw problemError(progress.problem, progress.logs)
    }
  } finally {
    view.end()
  }
}
