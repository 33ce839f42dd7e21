// Recordings for the tests: fixtures/NAME.hex beside the test (their README says whence).
import { readFileSync } from 'node:fs'

/** `test`: the test's import.meta.url. */
export function recorded(name: string, test: string): Buffer {
  const text = readFileSync(new URL(`fixtures/${name}.hex`, test), 'utf8')
  return Buffer.from(text.replace(/\s/g, ''), 'hex')
}
