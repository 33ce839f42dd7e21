// Images to begin with: what a tar can hold, and what it must not.
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import {
  END_OF_TAR,
  imageOf,
  memberBytes,
  MANIFEST,
  tarOf,
  type FixtureMember,
} from '../../chroot-runner/unpack/fixture.ts'
import { xzEncode } from '../../chroot-runner/unpack/xz-coder.ts'
import { PACKINGS, type Packing } from './target-tar.ts'

const xattr = (name: string, value: string) => ({ [`SCHILY.xattr.${name}`]: value })

const IMAGES: readonly FixtureMember[][] = [
  [],
  [
    { name: './bin/', type: '5', mode: 0o755, mtime: 1e9 },
    { name: './bin/app', data: 'hello', mode: 0o4755, uid: 1000, gid: 100 },
    { name: 'bin/twin', type: '1', link: './bin/app' },
    { name: 'bin/link', type: '2', link: '/etc/passwd' },
    { name: 'pipe', type: '6' },
    { name: 'dev/null', type: '3' },
  ],
  [
    { name: 'a', data: 'x', pax: { path: 'deep/er/name', mtime: '-1.5', uid: '7', size: '1' } },
    { name: 'c', data: '', pax: xattr('user.note', 'value') },
    { name: 'd', data: '', pax: xattr('security.capability', '\u0001') },
    { name: 'L', type: 'L', data: `${'long/'.repeat(30)}name\0` },
    { name: 'short', data: 'x' },
    { name: 'K', type: 'K', data: `${'target/'.repeat(20)}\0` },
    { name: 'points', type: '2', link: 'short' },
  ],
  [
    { name: 'up', type: '2', link: '..' },
    { name: 'up/escaped', data: 'out' },
  ],
  [
    { name: 'up', type: '2', link: '../canary' },
    { name: 'hard', type: '1', link: 'up' },
    { name: 'hard', data: 'over it' },
  ],
  [{ name: '../escaped', data: 'out' }],
  [{ name: 'sparse', type: 'S', size: 1 }],
  [{ name: 'huge', size: '77777777777' }],
  [{ name: 'binary', size: '\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff' }],
  [{ name: 'g', type: 'g', data: '12 comment=\n' }],
  [{ name: 'twice' }, { name: 'twice', type: '5' }],
  [{ name: 'nul', pax: xattr('user.a\0b', 'x') }],
  [{ name: 'long', pax: xattr(`user.${'x'.repeat(300)}`, 'x') }],
  [{ name: 'nameless', pax: xattr('', 'x') }],
]

const input = (packing: Packing, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([PACKINGS.indexOf(packing), 200]), bytes])

async function xz(bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of xzEncode([bytes] as unknown as AsyncIterable<Buffer>, 0)) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export async function tarSeeds(): Promise<Buffer[]> {
  const image = imageOf({ name: 'file', data: 'data '.repeat(200) })
  const zeros = imageOf({ name: 'zeros', data: Buffer.alloc(300_000) })
  const skippable = Buffer.from('502a4d1804000000abcdef01', 'hex')
  return [
    ...IMAGES.map((members) => input('tar', imageOf(...members))),
    input('gzip', imageOf({ name: 'file', data: 'data' })),
    input('zstd', imageOf({ name: 'file', data: 'data' })),
    input('tar', tarOf({ name: 'no-manifest' })),
    input('tar', memberBytes({ name: 'image.json', data: MANIFEST })),
    input('bytes', Buffer.concat([gzipSync(image), Buffer.alloc(7)])),
    input(
      'bytes',
      Buffer.concat([gzipSync(image.subarray(0, 700)), gzipSync(image.subarray(700))]),
    ),
    input('bytes', Buffer.concat([skippable, zstdCompressSync(image)])),
    input(
      'bytes',
      Buffer.concat([await xz(image.subarray(0, 512)), await xz(image.subarray(512))]),
    ),
    ...[gzipSync(zeros), zstdCompressSync(zeros), await xz(zeros)].map((one) =>
      input('bytes', one),
    ),
    input('bytes', (await xz(image)).subarray(0, -20)),
    input('bytes', brotliCompressSync(image)),
    input('bytes', END_OF_TAR),
  ]
}
