// Reads the archive of `cloud node backup` (protocol/backup.ts has its form), front to back.
import { createReadStream } from 'node:fs'
import { BACKUP_HEAD, BACKUP_SETTINGS, backupHead, type BackupHead } from '../../protocol/backup.ts'
import { ChunkSource } from '../../chroot-runner/unpack/chunk-source.ts'
import { decompress, detectCompression } from '../../chroot-runner/unpack/decompress.ts'
import { DEFAULT_LIMITS, type Limits } from '../../chroot-runner/unpack/limits.ts'
import { type Member, tarMembers } from '../../chroot-runner/unpack/tar-members.ts'

/** An archive that is not one, or not whole. Its message is a sentence without a full stop. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/** Heads, settings and descriptions: the largest is a manifest's. */
const TEXT_BYTES_MAX = 2 * 1024 * 1024

export const BACKUP_LIMITS: Limits = { ...DEFAULT_LIMITS, reserveBytes: 0, reserveInodes: 0 }

/** Every member. Throws BackupError, UnpackError, or Node's fs errors. */
export async function* backupMembers(path: string): AsyncGenerator<Member> {
  const file = createReadStream(path)
  try {
    const source = new ChunkSource(file as AsyncIterable<Buffer>)
    const compression = await detectCompression(source)
    if (compression === 'xz')
      throw new BackupError(`${path} is packed with xz: unpack it first, with xz -d`)
    const tar = decompress(source, compression, BACKUP_LIMITS.decoderBytesMax)
    yield* tarMembers(tar, BACKUP_LIMITS)
  } finally {
    file.destroy()
  }
}

/** What stands at the beginning. */
export interface BackupStart {
  head: BackupHead
  settings: Readonly<Record<string, string>>
}

/** Reads no further than needed. Throws as backupMembers does, and ProtocolError. */
export async function readStart(path: string): Promise<BackupStart> {
  const members = backupMembers(path)
  try {
    const head = await nextText(members, path, BACKUP_HEAD)
    const settings = await nextText(members, path, BACKUP_SETTINGS)
    return { head: backupHead(head, BACKUP_HEAD), settings: stringsOf(settings) }
  } finally {
    await members.return(undefined)
  }
}

/** The JSON of a member. Throws BackupError. */
export async function jsonOf(member: Member): Promise<unknown> {
  if (member.type !== 'file' || member.size > TEXT_BYTES_MAX)
    throw new BackupError(`its ${member.path} is not what a backup has there`)
  const chunks: Buffer[] = []
  for await (const chunk of member.body) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new BackupError(`its ${member.path} is no JSON`)
  }
}

async function nextText(
  members: AsyncGenerator<Member>,
  path: string,
  expected: string,
): Promise<unknown> {
  const next = await members.next()
  if (next.done === true || next.value.path !== expected)
    throw new BackupError(`${path} is not a backup of a node: it has no ${expected} in its place`)
  return jsonOf(next.value)
}

/** Settings are strings; what is something else is of nobody. */
function stringsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {}
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(entries)
}
