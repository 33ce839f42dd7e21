// Tars made by hand for tests, odd ones included: no tool makes a wrong tar on purpose.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fakeNative } from '../../sys/fake-native.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import type { UnpackSystem } from './tree-writer.ts'
import { unpack, type Unpacked, type UnpackOptions } from './unpack.ts'

export interface FixtureMember {
  name: string
  /** The header's type character; '0', a file, when left out. */
  type?: string
  data?: string | Buffer
  link?: string
  mode?: number
  uid?: number
  gid?: number
  mtime?: number
  /** What the header says instead of the data's size. */
  size?: number | string
  /** PAX records that go before the member. */
  pax?: Record<string, string | Buffer>
}

export const END_OF_TAR = Buffer.alloc(1024)

export const MANIFEST = JSON.stringify({ architecture: 'amd64', config: { Cmd: ['/app'] } })

/** A tar of image.json and these members, with its end. */
export function imageOf(...members: FixtureMember[]): Buffer {
  return tarOf({ name: 'image.json', data: MANIFEST }, ...members)
}

export function tarOf(...members: FixtureMember[]): Buffer {
  return Buffer.concat([...members.map(memberBytes), END_OF_TAR])
}

/** Header, data and padding of a member, with its PAX header before it. */
export function memberBytes(member: FixtureMember): Buffer {
  const data = Buffer.from(member.data ?? '')
  const bytes = Buffer.concat([headerBytes(member, data.length), padded(data)])
  if (member.pax === undefined) return bytes
  const records = Buffer.concat(Object.entries(member.pax).map(paxRecord))
  return Buffer.concat([memberBytes({ name: 'PaxHeader', type: 'x', data: records }), bytes])
}

function headerBytes(member: FixtureMember, dataSize: number): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  }
  header.write(member.name, 0, 100)
  octal(member.mode ?? 0o644, 100, 8)
  octal(member.uid ?? 0, 108, 8)
  octal(member.gid ?? 0, 116, 8)
  if (typeof member.size === 'string') header.write(member.size, 124, 12, 'latin1')
  else octal(member.size ?? dataSize, 124, 12)
  octal(member.mtime ?? 0, 136, 12)
  header.write(member.type ?? '0', 156, 'latin1')
  header.write(member.link ?? '', 157, 100)
  header.write('ustar\x0000', 257, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

export function paxRecord([key, value]: [string, string | Buffer]): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length++
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}

/** The bytes in chunks of `size`, as a socket might hand them over. */
export function chunksOf(bytes: Buffer, size = 1000): Readable {
  const count = Math.ceil(bytes.length / size)
  return Readable.from(
    Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
    { objectMode: true },
  )
}

/** An empty directory that is gone when the scope ends. */
export class TempDir implements Disposable {
  readonly path: string
  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'solocloud-unpack-'))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Nothing but syncfs works; a test adds what it expects. */
export function fakeSystem(calls: Partial<UnpackSystem> = {}): UnpackSystem {
  return fakeNative({ syncfs: () => 0, ...calls })
}

/** Limits that a test's disk can have too, whatever is free on it. */
export const TEST_LIMITS: Limits = { ...DEFAULT_LIMITS, reserveBytes: 0, reserveInodes: 0 }

export type TestOptions = Omit<Partial<UnpackOptions>, 'limits'> & {
  limits?: Partial<Limits>
  system?: UnpackSystem
}

/** Unpacks as an ordinary user would, into `root`. */
export function unpackInto(
  root: string,
  image: Buffer,
  options: TestOptions = {},
): Promise<Unpacked> {
  const { limits, system = fakeSystem(), ...others } = options
  const all: UnpackOptions = {
    packedSha256: null,
    ignoreOwners: true,
    architecture: 'amd64',
    ...others,
    limits: { ...TEST_LIMITS, ...limits },
  }
  return unpack(chunksOf(image), root, all, system)
}
