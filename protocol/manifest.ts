// Reads image.json. A field that this version does not implement is refused by name, never ignored.
import { isUtf8 } from 'node:buffer'
import { APP_NAME_RULE, isAppName } from './app-name.ts'
import type { ImageConfig, Manifest } from './image.ts'
import { printable, quoted as quotedTo } from './printable.ts'
import { signalName, SIGNAL_RULE } from './stop-signal.ts'

/** image.json's size at most. */
export const MANIFEST_BYTES_MAX = 256 * 1024
/** Env, Entrypoint and Cmd together at most, in bytes with their NULs: half of the kernel's smallest ARG_MAX. */
export const WORDS_BYTES_MAX = 64 * 1024
/** PATH_MAX of <linux/limits.h>, without the NUL. */
const PATH_BYTES_MAX = 4095
const VERSION_CHARS_MAX = 128
const QUOTED_CHARS_MAX = 60

/** image.json says something that cannot be run; the message is one sentence with the field's path. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
}

type Fields = Readonly<Record<string, unknown>>

/** Fields that mean something elsewhere (OCI, Docker, later versions), with what to do instead. */
const REFUSED_FIELDS = new Map([
  ['restart', 'an app is always restarted'],
  ['limits', 'an app has no limits of its own'],
  ['os', 'every image is for Linux'],
])
const REFUSED_CONFIG = new Map([
  ['Volumes', 'what an app writes lives in its root until the next push'],
  ['ExposedPorts', "apps share the node's network: listen on the port itself"],
  ['Healthcheck', 'an app that is not well must exit'],
  ['Labels', 'keep them beside the image'],
  ['Shell', 'name the shell in Entrypoint'],
  ['OnBuild', 'it belongs to the build'],
  ['StopTimeout', "the node's grace period is used"],
])

/** The manifest with every default filled in. Throws ManifestError. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const fields = object(parseJson(bytes), 'image.json')
  refuseOthers(
    fields,
    '',
    ['name', 'version', 'architecture', 'isolation', 'management', 'config'],
    REFUSED_FIELDS,
  )
  return {
    name: optional(fields, '', 'name', appName, null),
    version: optional(fields, '', 'version', version, null),
    architecture: required(fields, '', 'architecture', architecture),
    isolation: optional(fields, '', 'isolation', isolation, null),
    management: optional(fields, '', 'management', boolean, false),
    config: required(fields, '', 'config', config),
  }
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > MANIFEST_BYTES_MAX) {
    throw new ManifestError(
      `image.json has ${bytes.length} bytes; at most ${MANIFEST_BYTES_MAX} are allowed`,
    )
  }
  if (!isUtf8(bytes)) throw new ManifestError('image.json is not UTF-8 text')
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new ManifestError(`image.json is not JSON: ${printable((error as Error).message)}`)
  }
}

function config(value: unknown, path: string): ImageConfig {
  const fields = object(value, path)
  const known = ['Entrypoint', 'Cmd', 'Env', 'WorkingDir', 'User', 'StopSignal']
  refuseOthers(fields, path, known, REFUSED_CONFIG)
  const parsed = {
    Entrypoint: optional(fields, path, 'Entrypoint', words, []),
    Cmd: optional(fields, path, 'Cmd', words, []),
    Env: optional(fields, path, 'Env', environment, []),
    WorkingDir: optional(fields, path, 'WorkingDir', workingDir, '/'),
    User: optional(fields, path, 'User', user, '0'),
    StopSignal: optional(fields, path, 'StopSignal', stopSignal, 'SIGTERM'),
  }
  checkCommand(parsed, path)
  return parsed
}

function checkCommand(parsed: ImageConfig, path: string): void {
  const command = [...parsed.Entrypoint, ...parsed.Cmd]
  if (command.length === 0) {
    throw new ManifestError(
      `${path}: Entrypoint and Cmd are both empty; name the program to run in one of them`,
    )
  }
  if (command[0] === '') throw new ManifestError(`${path}: the program to run is an empty word`)
  const bytes = [...command, ...parsed.Env].reduce(
    (sum, word) => sum + Buffer.byteLength(word) + 1,
    0,
  )
  if (bytes > WORDS_BYTES_MAX) {
    throw new ManifestError(
      `${path}: Env, Entrypoint and Cmd have ${bytes} bytes together; at most ${WORDS_BYTES_MAX} are allowed`,
    )
  }
}

// One function a field: the checked value, or a ManifestError that begins with the path.

function appName(value: unknown, path: string): string {
  const text = string(value, path)
  if (!isAppName(text))
    throw new ManifestError(`${path}: ${quoted(text)} is refused: ${APP_NAME_RULE}`)
  return text
}

function version(value: unknown, path: string): string {
  const text = string(value, path)
  if (text === '' || text.length > VERSION_CHARS_MAX || /\p{Cc}/u.test(text)) {
    throw new ManifestError(
      `${path} must be 1 to ${VERSION_CHARS_MAX} characters without control characters`,
    )
  }
  return text
}

function architecture(value: unknown, path: string): Manifest['architecture'] {
  const text = string(value, path)
  if (text === 'amd64' || text === 'arm64') return text
  throw new ManifestError(`${path}: ${quoted(text)} is not known; use "amd64" or "arm64"`)
}

function isolation(value: unknown, path: string): 'namespaces' | 'chroot' {
  const text = string(value, path)
  if (text === 'namespaces' || text === 'chroot') return text
  throw new ManifestError(`${path}: ${quoted(text)} is not known; use "namespaces" or "chroot"`)
}

function words(value: unknown, path: string): string[] {
  if (!Array.isArray(value)) throw new ManifestError(`${path} must be an array of strings`)
  return value.map((item: unknown, index) => string(item, `${path}[${index}]`))
}

function environment(value: unknown, path: string): string[] {
  const list = words(value, path)
  const seen = new Set<string>()
  for (const [index, word] of list.entries()) {
    const name = /^([^=]+)=/.exec(word)?.[1]
    if (name === undefined) {
      throw new ManifestError(`${path}[${index}]: ${quoted(word)} must be NAME=value`)
    }
    if (seen.has(name)) throw new ManifestError(`${path}[${index}]: ${quoted(name)} is set twice`)
    seen.add(name)
  }
  return list
}

function workingDir(value: unknown, path: string): string {
  const text = string(value, path)
  if (text === '') return '/'
  if (!text.startsWith('/') || Buffer.byteLength(text) > PATH_BYTES_MAX) {
    throw new ManifestError(
      `${path}: ${quoted(text)} must be an absolute path of at most ${PATH_BYTES_MAX} bytes`,
    )
  }
  return text
}

/** `user[:group]`: names as useradd(8) allows them, or numbers that are not (uid_t)-1. */
function user(value: unknown, path: string): string {
  const text = string(value, path)
  if (text === '') return '0'
  const parts = text.split(':')
  const sane = parts.every((part) =>
    /^\d+$/.test(part)
      ? Number(part) < 0xffff_ffff
      : /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/.test(part),
  )
  if (parts.length > 2 || !sane) {
    throw new ManifestError(`${path}: ${quoted(text)} must be USER or USER:GROUP, names or numbers`)
  }
  return text
}

/** OCI writes the name or the number, as a string; a JSON number is taken too. */
function stopSignal(value: unknown, path: string): string {
  const name =
    typeof value === 'string' || typeof value === 'number' ? signalName(String(value)) : null
  if (name === null) {
    throw new ManifestError(
      `${path}: ${quoted(JSON.stringify(value))} is not a signal; ${SIGNAL_RULE}`,
    )
  }
  return name
}

function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw new ManifestError(`${path} must be true or false`)
  return value
}

function string(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new ManifestError(`${path} must be a string`)
  if (value.includes('\0')) throw new ManifestError(`${path} has a NUL character; remove it`)
  return value
}

function object(value: unknown, path: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new ManifestError(`${path} must be an object`)
}

type Check<T> = (value: unknown, path: string) => T

function required<T>(fields: Fields, parent: string, key: string, check: Check<T>): T {
  const path = join(parent, key)
  if (!Object.hasOwn(fields, key))
    throw new ManifestError(`${path} is missing; image.json needs it`)
  return check(fields[key], path)
}

/** A missing field and null, which OCI's tools write for "not set", give the default. */
function optional<T, D>(
  fields: Fields,
  parent: string,
  key: string,
  check: Check<T>,
  otherwise: D,
): T | D {
  const value = Object.hasOwn(fields, key) ? fields[key] : null
  return value === null ? otherwise : check(value, join(parent, key))
}

function refuseOthers(
  fields: Fields,
  parent: string,
  known: readonly string[],
  why: ReadonlyMap<string, string>,
): void {
  for (const key of Object.keys(fields)) {
    if (known.includes(key)) continue
    const reason = why.get(key)
    const path = join(parent, key)
    throw new ManifestError(
      reason === undefined
        ? `${path}: not known to this version; remove it`
        : `${path}: not implemented by this version (${reason}); remove it`,
    )
  }
}

function join(parent: string, key: string): string {
  const shown = /^[\w.-]{1,64}$/.test(key) ? key : quoted(key)
  return parent === '' ? shown : `${parent}.${shown}`
}

function quoted(text: string): string {
  return quotedTo(text, QUOTED_CHARS_MAX)
}

/** An app's name is its image file's base name without the tar endings. Throws ManifestError. */
export function appNameOf(fileName: string): string {
  const base = fileName.slice(fileName.lastIndexOf('/') + 1)
  const name = base.replace(/\.(?:tar|tar\.gz|tgz|tar\.xz|txz|tar\.zst|tzst)$/, '')
  if (!isAppName(name)) {
    throw new ManifestError(`${quoted(base)} cannot name an app: ${APP_NAME_RULE}; rename the file`)
  }
  return name
}
