import { expect, test } from 'vitest'
import { parseReprDigest } from './repr-digest.ts'

// sha256 of the empty string.
const HEX = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const BASE64 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

test('no field, no digest', () => {
  expect(parseReprDigest(undefined)).toBeNull()
})

test.each([`sha-256=:${BASE64}:`, ` sha-256=:${BASE64}: `, `sha-512=:AAAA:, sha-256=:${BASE64}:`])(
  '%s',
  (field) => {
    expect(parseReprDigest(field)).toBe(HEX)
  },
)

test.each([
  ['', 'bad-digest'],
  ['sha-256', 'bad-digest'],
  [`sha-256=${BASE64}`, 'bad-digest'],
  [`sha-256=:${HEX}:`, 'bad-digest'],
  ['sha-256=:AAAA:', 'bad-digest'],
  [`sha-256=:${BASE64.slice(0, -1)}:`, 'bad-digest'],
  [`sha-256=:${BASE64}:,`, 'bad-digest'],
  ['sha-512=:AAAA:', 'digest-unsupported'],
])('%s is refused: %s', (field, code) => {
  expect(() => parseReprDigest(field)).toThrow(expect.objectContaining({ code }))
})
