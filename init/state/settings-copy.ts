// The settings once more, as a small JSON file beside the database. The apps of a lost database are found
// again under /chroots; the settings are nowhere else. (A second table would be lost with the first.)
import { readFileSync } from 'node:fs'
import { writeDurably } from '../../sys/durable-file.ts'

export type SettingsMap = ReadonlyMap<string, string>

/** null when there is none that can be read. */
export function readSettingsCopy(path: string): SettingsMap | null {
  try {
    const object: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof object !== 'object' || object === null) return null
    const entries = Object.entries(object as Record<string, unknown>)
    return new Map(entries.filter((entry): entry is [string, string] => isString(entry[1])))
  } catch {
    return null
  }
}

const isString = (value: unknown): boolean => typeof value === 'string'

/** Throws Node's fs errors. */
export function writeSettingsCopy(path: string, settings: SettingsMap): void {
  writeDurably(path, `${JSON.stringify(Object.fromEntries(settings), null, 2)}\n`)
}

export function sameSettings(one: SettingsMap | null, other: SettingsMap): boolean {
  if (one === null) return other.size === 0
  return one.size === other.size && [...other].every(([key, value]) => one.get(key) === value)
}
