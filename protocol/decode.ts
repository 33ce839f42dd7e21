// Checks values that come from the wire, so that nothing unknown is cast to a type.

/** The other side sent something that this version of the protocol does not allow. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** Returns `value` as T, or throws ProtocolError that names the place (`path`) and what belongs there. */
export type Decoder<T> = (value: unknown, path: string) => T

function refuse(value: unknown, path: string, expected: string): never {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
  throw new ProtocolError(`${path} must be ${expected}, not ${got}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const string: Decoder<string> = (value, path) =>
  typeof value === 'string' ? value : refuse(value, path, 'a string')

export const boolean: Decoder<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(value, path, 'true or false')

/** A count, a size, a duration: never negative, never NaN. */
export const amount: Decoder<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? value
    : refuse(value, path, 'a number that is not negative')

/** An RFC 3339 time, kept as a string. */
export const time: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new ProtocolError(`${path} must be an RFC 3339 time, not "${text.slice(0, 40)}"`)
  }
  return text
}

export function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (value, path) => (value === null ? null : decoder(value, path))
}

export function oneOf<const T extends string>(...words: readonly T[]): Decoder<T> {
  return (value, path) =>
    words.find((word) => word === value) ?? refuse(value, path, `one of ${words.join(', ')}`)
}

export function list<T>(decoder: Decoder<T>): Decoder<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) refuse(value, path, 'an array')
    return (value as unknown[]).map((item, index) => decoder(item, `${path}[${index}]`))
  }
}

/** Takes the named fields and leaves any other out: a newer node may send more. */
export function record<T extends object>(fields: {
  readonly [K in keyof T]-?: Decoder<T[K]>
}): Decoder<T> {
  const decoders = Object.entries<Decoder<unknown>>(fields)
  return (value, path) => {
    if (!isRecord(value)) refuse(value, path, 'an object')
    const taken: Record<string, unknown> = {}
    for (const [key, decoder] of decoders) taken[key] = decoder(value[key], `${path}.${key}`)
    return taken as T
  }
}
