// The parts of the file `cloud` itself: a Node and its libraries for apps that bring none.
import type { Readable } from 'node:stream'
import { partNames, readPart } from '../bundle/payload.ts'

export interface Payload {
  /** 'node', 'ld.so', libraries by soname, 'compat.so'. */
  parts(): string[]
  read(name: string): { size: number; stream(): Readable }
}

export const ownPayload: Payload = {
  parts: () => partNames(),
  read: (name) => readPart(name),
}
