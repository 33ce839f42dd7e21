// The state database in memory: it outlives PID 1, and every change is there whole or not at all.
import type { AppRecord, State } from '../../init/state/state.ts'

export class ModelState {
  readonly apps = new Map<string, string>()

  connect(): State {
    const { apps } = this
    const put = (app: AppRecord): void => void apps.set(app.name, JSON.stringify(stored(app)))
    return {
      apps: () => [...apps.values()].sort().map((text) => JSON.parse(text) as AppRecord),
      putApp: put,
      deleteApp: (name) => void apps.delete(name),
      fill: (all) => all.forEach(put),
      setting: () => null,
      putSetting: () => undefined,
      close: () => undefined,
    }
  }

  /** The versions of an app, or null when there is none. */
  versions(name: string): Versions | null {
    const text = this.apps.get(name)
    if (text === undefined) return null
    const { current, previous } = JSON.parse(text) as AppRecord
    return { current: versionOf(current), previous: previous && versionOf(previous) }
  }
}

export interface Versions {
  current: string
  previous: string | null
}

const stored = ({ name, current, previous }: AppRecord): AppRecord => ({
  name,
  current: only(current),
  previous: previous && only(previous),
})
const only = ({ number, digest, manifest }: AppRecord['current']): AppRecord['current'] => ({
  number,
  digest,
  manifest,
})
const versionOf = ({ manifest }: AppRecord['current']): string =>
  (JSON.parse(manifest) as { version: string }).version
