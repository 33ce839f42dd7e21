// What the native harnesses begin with: a small whole file as the build makes it, and real plans.
import { appPlan, refreshPlan } from '../../chroot-runner/app-plan.ts'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import { planWords } from '../../chroot-runner/words.ts'
import { encodeTable, PART_KINDS, type TableEntry } from '../../bundle/table.ts'

const PAGE = 4096
const ELF_DYN = 3
const ELF_EXEC = 2

interface Segment {
  /** PT_LOAD is 1; R, W and X are 4, 2 and 1. */
  type: number
  flags: number
  offset: number
  address: number
  fileSize: number
  memorySize: number
}

const text = (address: number): Segment => ({
  ...{ type: 1, flags: 5, offset: 0, address, fileSize: PAGE, memorySize: PAGE },
})
const data = (address: number): Segment => ({
  ...{ type: 1, flags: 6, offset: 0x200, address, fileSize: 0x100, memorySize: 0x2000 },
})

/** An ELF-64 program of one page (elf(5)). */
function elf(type: number, segments: readonly Segment[]): Buffer {
  const bytes = Buffer.alloc(PAGE)
  bytes.write('\x7fELF\x02\x01\x01', 'latin1')
  bytes.writeUInt16LE(type, 16)
  bytes.writeBigUInt64LE(BigInt(segments[0]?.address ?? 0) + 64n, 24)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(segments.length, 56)
  segments.forEach((segment, index) => {
    const { offset, address, fileSize, memorySize } = segment
    const at = 64 + index * 56
    bytes.writeUInt32LE(segment.type, at)
    bytes.writeUInt32LE(segment.flags, at + 4)
    const words = [offset, address, address, fileSize, memorySize, PAGE]
    words.forEach((word, i) => bytes.writeBigUInt64LE(BigInt(word), at + 8 + 8 * i))
  })
  return bytes
}

/** The kernel's manner, the program, the interpreter, one page for all libraries, the table. */
function wholeFile(control: number, program: Buffer, interpreter: Buffer): Buffer {
  const library = { offset: 2 * PAGE, size: 100, fuse: 0 }
  const places: Partial<Record<(typeof PART_KINDS)[number], Omit<TableEntry, 'name' | 'kind'>>> = {
    program: { offset: 0, size: PAGE, fuse: 0 },
    interpreter: { offset: PAGE, size: PAGE, fuse: 0 },
  }
  const entries = PART_KINDS.map((kind) => ({ name: kind, kind, ...(places[kind] ?? library) }))
  const pages = [program, interpreter, Buffer.alloc(PAGE, 'library '), encodeTable(entries)]
  return Buffer.concat([Buffer.of(control), ...pages])
}

export function loaderSeeds(): Buffer[] {
  const fixed = elf(ELF_EXEC, [text(0x400000), data(0x402200)])
  const anywhere = elf(ELF_DYN, [text(0), data(0x2200)])
  const controls = [0, 1 + 2 + 4, 8, 16, 32, 64 + 8]
  return [
    ...controls.map((control) => wholeFile(control, fixed, anywhere)),
    wholeFile(0, anywhere, elf(ELF_DYN, [text(0x10000)])),
    // Behind the file's end, over the loader, and around the end of all addresses.
    wholeFile(0, elf(ELF_EXEC, [{ ...data(0x402200), fileSize: 2 ** 40 }]), anywhere),
    wholeFile(0, elf(ELF_EXEC, [{ ...text(0x5ffff000), memorySize: 0x2000 }]), anywhere),
    wholeFile(0, fixed, elf(ELF_DYN, [text(0), { ...data(0x2200), memorySize: 2 ** 63 }])),
  ]
}

const ACCOUNTS =
  'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:100::/home/web:/bin/sh\nusers:x:100:web,root\n'

function planBytes(plan: SpawnPlan, answers: readonly number[] = []): Buffer {
  const list = (words: readonly string[]) => words.map((word) => `${word}\0`).join('')
  const words = `${list(planWords(plan))}\x01${list(plan.env)}`
  const kernel = Buffer.from([0xff, ...answers, 0xff])
  return Buffer.concat([Buffer.from(words), kernel, Buffer.from(ACCOUNTS)])
}

export function spawnSeeds(): Buffer[] {
  const config = {
    ...{ Entrypoint: ['/app'], Cmd: ['word'], Env: ['A=1'], WorkingDir: '/srv' },
    ...{ User: 'web:users', StopSignal: 'SIGTERM' },
  }
  const app = { name: 'web', root: '/r', cgroup: '/c', resolvConf: 'nameserver 1.1.1.1\n' }
  const manifest = { config, management: false }
  const byName = { config: { ...config, User: 'web', Entrypoint: ['app'] }, management: true }
  return [
    planBytes(appPlan({ ...app, manifest, isolation: 'namespaces' })),
    planBytes(appPlan({ ...app, manifest: byName, isolation: 'chroot' }), [0, 0, 1]),
    planBytes(refreshPlan({ root: '/r', resolvConf: 'x' })),
    planBytes({
      namespaces: 0,
      env: ['HOME='],
      steps: [{ op: 'init' }, { op: 'exec', argv: ['a'] }],
    }),
    planBytes(
      { namespaces: 0, env: [], steps: [{ op: 'user', user: '0', keep: 'ff' }] },
      [0, 0, 1, 1],
    ),
  ]
}

/** A function's number, then values of each kind (native/addon-arguments.cc). */
export function argumentSeeds(): Buffer[] {
  const one = [0, 1]
  const name = [1, 3, 0x61, 0x62, 0x63]
  const bytes = [2, 4, 1, 2, 3, 4]
  return [
    Buffer.from([0]),
    Buffer.from([1, ...name, ...name, ...name, ...one, ...name]),
    Buffer.from([4, ...name, ...name, ...bytes]),
    Buffer.from([5, 4, 2, ...name, ...name, 4, 1, ...name, ...one, 4, 2, ...one, ...one]),
    Buffer.from([6, 3, 2, ...one]),
    Buffer.from([7, ...one, ...bytes, ...one, ...bytes]),
    Buffer.from([9, 5, 30]),
    Buffer.from([10, ...one, ...name, ...one]),
    Buffer.from([11, ...one, ...one, ...name, ...one]),
    Buffer.from([12, ...name, ...one]),
    Buffer.from([13, ...one, ...name, ...bytes]),
  ]
}
