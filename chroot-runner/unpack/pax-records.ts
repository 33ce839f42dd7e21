// PAX extended headers (POSIX pax(1)): records of `LENGTH KEY=VALUE\n`. Values stay bytes, because
// attributes such as security.capability are not text.
import { corrupt } from './unpack-error.ts'

/** The records by key; of two with one key the later holds. Throws UnpackError 'image-corrupt'. */
export function parsePax(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at)
    const length = blank === -1 ? null : lengthOf(bytes.subarray(at, blank))
    if (length === null || at + length > bytes.length || bytes[at + length - 1] !== 0x0a)
      throw bad()
    const record = bytes.subarray(blank + 1, at + length - 1)
    const equals = record.indexOf(0x3d)
    if (equals <= 0) throw bad()
    records.set(record.toString('utf8', 0, equals), record.subarray(equals + 1))
    at += length
  }
  return records
}

function lengthOf(digits: Buffer): number | null {
  const text = digits.toString('latin1')
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null
}

function bad(): Error {
  return corrupt('the tar is corrupt: a PAX header is malformed')
}
