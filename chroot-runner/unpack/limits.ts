// Every limit of unpacking, in one place, and how the parent process hands them over.

export interface Limits {
  /** Bytes that arrive. */
  packedBytesMax: number
  /** Bytes of the uncompressed tar. */
  unpackedBytesMax: number
  /** Members of the tar. */
  entriesMax: number
  /** A member's path below the root: PATH_MAX of <linux/limits.h> without the leading slash and the NUL. */
  pathBytesMax: number
  /** One name in a path: NAME_MAX of <linux/limits.h>. */
  nameBytesMax: number
  /** What a symbolic link holds: PATH_MAX without the NUL. */
  linkBytesMax: number
  /** One PAX or long-name header; it is held in memory. */
  headerBytesMax: number
  /** What is remembered of all directories until the end (names, attributes); held in memory. */
  directoryBytesMax: number
  /** Unpacked bytes for one packed byte, looked at only above `ratioFreeBytes` of them. */
  ratioMax: number
  ratioFreeBytes: number
  /** Memory of the decompressor; `xz -9` wants 65 MiB. */
  decoderBytesMax: number
  /** Space and inodes that unpacking leaves free. */
  reserveBytes: number
  reserveInodes: number
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

export const DEFAULT_LIMITS: Limits = {
  packedBytesMax: 16 * GIB,
  unpackedBytesMax: 64 * GIB,
  entriesMax: 1_000_000,
  pathBytesMax: 4094,
  nameBytesMax: 255,
  linkBytesMax: 4095,
  headerBytesMax: 256 * KIB,
  directoryBytesMax: 32 * MIB,
  ratioMax: 1000,
  ratioFreeBytes: 16 * MIB,
  decoderBytesMax: 80_000_000,
  reserveBytes: 32 * MIB,
  reserveInodes: 1000,
}

/** What the parent asks of an unpack process. */
export interface UnpackRequest {
  /** sha256 of the packed bytes, lower-case hex; null when the sender gave none. */
  packedSha256: string | null
  limits: Limits
  /** Everything belongs to whoever unpacks: for a user namespace that maps one user only. */
  ignoreOwners: boolean
}

/** The words after `unpack ROOT` in argv. Limits that are left out have their default. */
export function requestWords(
  request: Partial<Omit<UnpackRequest, 'limits'>> & { limits?: Partial<Limits> },
): string[] {
  const words = Object.entries(request.limits ?? {}).map(([name, value]) => `${name}=${value}`)
  if (request.packedSha256) words.push(`sha256=${request.packedSha256}`)
  if (request.ignoreOwners) words.push('ignore-owners')
  return words
}

/** Reads what requestWords() wrote. Throws `BUG: ...`, because only our own parent process writes it. */
export function parseRequest(words: readonly string[]): UnpackRequest {
  const request: UnpackRequest = {
    packedSha256: null,
    limits: { ...DEFAULT_LIMITS },
    ignoreOwners: false,
  }
  for (const word of words) {
    const [name, value] = splitWord(word)
    if (name === 'sha256' && /^[0-9a-f]{64}$/.test(value)) request.packedSha256 = value
    else if (word === 'ignore-owners') request.ignoreOwners = true
    else if (isLimit(name) && /^\d{1,15}$/.test(value)) request.limits[name] = Number(value)
    else throw new Error(`BUG: unpack does not understand "${word}"`)
  }
  return request
}

function splitWord(word: string): [string, string] {
  const at = word.indexOf('=')
  return at === -1 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
}

function isLimit(name: string): name is keyof Limits {
  return Object.hasOwn(DEFAULT_LIMITS, name)
}

/** '3 bytes', '12.0 MB': decimal units, as disks are sold. */
export function showBytes(bytes: number): string {
  if (bytes < 1e6) return `${bytes} bytes`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
