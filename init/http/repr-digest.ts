// Repr-Digest (RFC 9530): the sha256 of the body as the client computed it.
import { AppError } from '../supervisor/apps.ts'

/** One member of a structured-field dictionary whose value is a byte sequence (RFC 8941, 3.2 and 3.3.5). */
const MEMBER = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):$/
const SHA256_BYTES = 32

/** The digest as lower-case hex, null without the field. Throws AppError for what can't be checked. */
export function parseReprDigest(field: string | undefined): string | null {
  if (field === undefined) return null
  const digests = new Map(field.split(',').map((member) => parseMember(member.trim())))
  const sha256 = digests.get('sha-256')
  if (sha256 === undefined) {
    throw new AppError(
      'digest-unsupported',
      `Repr-Digest names ${[...digests.keys()].join(', ')}; send sha-256.`,
    )
  }
  const bytes = Buffer.from(sha256, 'base64')
  if (bytes.length !== SHA256_BYTES || bytes.toString('base64') !== sha256) {
    throw badDigest('its sha-256 is not the base64 of 32 bytes')
  }
  return bytes.toString('hex')
}

function parseMember(member: string): [algorithm: string, base64: string] {
  const [, algorithm, base64] = MEMBER.exec(member) ?? []
  if (algorithm === undefined || base64 === undefined) {
    throw badDigest('it is not of the form sha-256=:BASE64:')
  }
  return [algorithm, base64]
}

function badDigest(why: string): AppError {
  return new AppError('bad-digest', `The Repr-Digest field can't be read: ${why}.`)
}
