// Recordings for the tests (fixtures/README.md).
import { readFileSync } from 'node:fs'

export function recorded(name: string): Buffer {
  const text = readFileSync(new URL(`fixtures/${name}.hex`, import.meta.url), 'utf8')
  return Buffer.from(text.replace(/\s/g, ''), 'hex')
}
