// `foo`, `foo.txz` and `bar/foo.txz` all name the app foo.
import { APP_NAME_RULE } from '../protocol/app-name.ts'
import { appNameOf, ManifestError } from '../protocol/manifest.ts'
import { usageError } from './errors.ts'

export function appFromWord(word: string): string {
  try {
    return appNameOf(word)
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    throw usageError(`"${word}" does not name an app: ${APP_NAME_RULE}.`)
  }
}

/** Throws a usage error when there is none, or one twice. */
export function appsFromWords(words: readonly string[]): string[] {
  if (words.length === 0)
    throw usageError('Which app? Name it after the node, as `cloud ps` shows it.')
  const names = words.map(appFromWord)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw usageError(`"${twice}" is named twice; name each app once.`)
  return names
}
