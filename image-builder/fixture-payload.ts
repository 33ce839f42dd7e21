// A payload for tests whose parts hold their own names.
import { Readable } from 'node:stream'
import type { Payload } from './payload.ts'

const PARTS = ['node', 'interpreter', 'ld.so', 'libc.so.6', 'libm.so.6', 'lzma.node', 'compat.so']

export const fakePayload: Payload = {
  parts: () => PARTS,
  read: (name) => {
    const text = Buffer.from(`part ${name}`)
    return { size: text.length, stream: () => Readable.from([text]) }
  },
}
