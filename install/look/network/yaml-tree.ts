// YAML (and JSON) as maps, lists and texts: nothing is guessed to be a number, a time or a truth value.
import { parse } from 'yaml'

/** What a configuration is not larger than; the parser's time grows faster than the text. */
const CHARACTERS_MAX = 128 * 1024

/** Throws an Error that says where the text stops to be YAML. */
export function yamlTree(text: string): unknown {
  if (text.length > CHARACTERS_MAX)
    throw new Error(`it is longer than ${CHARACTERS_MAX} characters`)
  return parse(text, { schema: 'failsafe', merge: true, uniqueKeys: false, logLevel: 'error' })
}

export type Tree = Readonly<Record<string, unknown>>

/** Empty for what is no map. */
export const mapOf = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}

/** Of a single text, that; empty for anything else. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return typeof value === 'string' && value !== '' ? [value] : []
}

/** Undefined for what is no text. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

export const textsOf = (value: unknown): string[] =>
  listOf(value).filter((item) => typeof item === 'string')

/** As netplan merges: maps key by key, lists one after the other, and else the later one. */
export function merged(a: unknown, b: unknown): unknown {
  if (Array.isArray(a) && Array.isArray(b)) return [...(a as unknown[]), ...(b as unknown[])]
  const [first, second] = [mapOf(a), mapOf(b)]
  // A key without anything behind it takes nothing back.
  if (Object.keys(second).length === 0) return b === undefined || b === null || b === '' ? a : b
  if (Object.keys(first).length === 0) return b
  const keys = new Set([...Object.keys(first), ...Object.keys(second)])
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      Object.hasOwn(second, key) && Object.hasOwn(first, key)
        ? merged(first[key], second[key])
        : (second[key] ?? first[key]),
    ]),
  )
}
