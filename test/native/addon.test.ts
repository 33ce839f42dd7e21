// The addon's calls against the real kernel, in an ordinary process. Needs nothing but a compiler.
import { execFile, spawn as spawnChild } from 'node:child_process'
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadNative } from '../../sys/load.ts'
import type { Native } from '../../sys/native.ts'
import { O_NONBLOCK, openPipe, readAvailable } from '../../sys/pipe.ts'
import { decodeWaitStatus, kill, reapInto, spawn } from '../../sys/process.ts'
import { openSignalPipe, readSignals } from '../../sys/signal-pipe.ts'
import { buildAddon, scratch } from './build-addon.ts'

const EBADF = -9
const EINVAL = -22
const ENOENT = -2
const EEXIST = -17
const ENODEV = -19
/** No record of lives here to note a child in. */
const NO_PLACE = -1

const place = scratch('addon')
let native: Native

beforeAll(() => {
  process.env['SOLOCLOUD_ADDON'] = buildAddon(place.dir)
  native = loadNative()
})
afterAll(() => place.remove())

/** Resolves when fd becomes readable. */
function readable(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const ready = (): void => {
      native.unwatch(fd)
      resolve()
    }
    expect(native.watch(fd, ready)).toBe(0)
  })
}

/** All that comes out of a pipe until its end. */
async function drain(fd: number): Promise<string> {
  let text = ''
  const bytes = new Uint8Array(65536)
  for (;;) {
    const size = readAvailable(native, fd, bytes)
    if (size === 0) break
    if (size === null) await readable(fd)
    else text += Buffer.from(bytes.subarray(0, size)).toString()
  }
  closeSync(fd)
  return text
}

/** Runs a script in this very Node with the pipe as descriptor 1; its output and its end. */
async function runNode(script: string, env: string[] = []): Promise<[string, unknown]> {
  const pipe = openPipe(native, O_NONBLOCK)
  const fds = [0, pipe.write, 2, pipe.write]
  const argv = ['node', '-e', script]
  const pid = spawn(native, { argv, env, namespaces: 0, fds }, NO_PLACE)
  closeSync(pipe.write)
  const text = await drain(pipe.read)
  return [text, decodeWaitStatus(await reap(pid))]
}

async function reap(pid: number): Promise<number> {
  for (;;) {
    const ends = new Int32Array(2)
    if (reapInto(native, ends) === 1 && ends[0] === pid) return ends[1] ?? 0
    await new Promise(setImmediate)
  }
}

test('a spawned child has the words, the environment and the descriptors given, and no others', async () => {
  const script = `const fs = require('fs')
    const links = [0, 1, 2, 3].map((fd) => fs.readlinkSync('/proc/self/fd/' + fd))
    console.log(JSON.stringify([process.env, links[1] === links[3]]))`
  const [text, end] = await runNode(script, ['A=1', 'B=two words'])
  expect(JSON.parse(text)).toEqual([{ A: '1', B: 'two words' }, true])
  expect(end).toEqual({ exitCode: 0, signal: null })
})

test('a spawned child starts with no signal blocked', async () => {
  const script = `process.stdout.write(require('fs').readFileSync('/proc/self/status'))`
  const [text] = await runNode(script)
  expect(text).toMatch(/^SigBlk:\t0+$/m)
})

test('descriptors that overlap their targets are placed as asked', async () => {
  const pipe = openPipe(native, O_NONBLOCK)
  // Sources 2 and 1 onto targets 1 and 2: naive dup2 in order would lose one.
  const marker = openSync(join(place.dir, 'marker'), 'w')
  const script = `const fs = require('fs')
    fs.writeSync(3, JSON.stringify([0, 1, 2].map((fd) => fs.readlinkSync('/proc/self/fd/' + fd))))`
  const swapped = [2, marker, 1, pipe.write]
  const argv = ['node', '-e', script]
  const pid = spawn(native, { argv, env: [], namespaces: 0, fds: swapped }, NO_PLACE)
  closeSync(pipe.write)
  const links: unknown = JSON.parse(await drain(pipe.read))
  await reap(pid)
  closeSync(marker)
  const link = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`)
  expect(links).toEqual([link(2), join(place.dir, 'marker'), link(1)])
})

test('a descriptor that is not open is an error, not a child', () => {
  expect(native.spawn(['x'], [], 0, [0, 1, 987], NO_PLACE)).toBe(EBADF)
  expect(native.spawn(['x'], [], 1, [0, 1, 2], NO_PLACE)).toBe(EINVAL)
  expect(native.spawn([], [], 0, [], NO_PLACE)).toBe(EINVAL)
})

test('without the loader there is no life record, and no death', () => {
  expect(native.spawn(['x'], [], 0, [0, 1, 2], 0)).toBe(EINVAL)
  expect(native.lifeNumber(0)).toBe(ENODEV)
  expect(native.setLifeNote(0, new Uint8Array(1))).toBe(ENODEV)
  expect(native.die('a test', '')).toBe(ENODEV)
  expect(native.become(0)).toBe(ENODEV)
  expect(native.leave(0)).toBe(ENODEV)
  expect(native.watchdog(1, -1)).toBe(ENODEV)
  expect(native.fault('segv')).toBe(ENODEV)
})

test('words too long for the kernel come back as E2BIG', () => {
  expect(native.spawn(['x', 'y'.repeat(200_000)], [], 0, [0, 1, 2], NO_PLACE)).toBe(-7)
})

test('our mask is what it was before a spawn', async () => {
  const before = /^SigBlk:.*$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[0]
  await runNode('0')
  expect(/^SigBlk:.*$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[0]).toBe(before)
})

test('a killed child tells its signal', async () => {
  const argv = ['node', '-e', 'setTimeout(() => {}, 60_000)']
  const pid = spawn(native, { argv, env: [], namespaces: 0, fds: [0, 1, 2] }, NO_PLACE)
  expect(kill(native, pid, 9)).toBe(true)
  expect(decodeWaitStatus(await reap(pid))).toEqual({ exitCode: null, signal: 'SIGKILL' })
  expect(kill(native, pid, 9)).toBe(false)
})

test('everyone is not a target for a process that is not pid 1', () => {
  expect(native.kill(-1, 0)).toBe(-1)
})

test('a watch may end itself and close its descriptor, and the number can be watched again', async () => {
  for (let round = 0; round < 3; round++) {
    const pipe = openPipe(native)
    writeSync(pipe.write, 'x')
    await new Promise<void>((resolve) => {
      native.watch(pipe.read, () => {
        expect(native.unwatch(pipe.read)).toBe(0)
        closeSync(pipe.read)
        resolve()
      })
    })
    closeSync(pipe.write)
  }
})

test('a watch is called again while bytes wait, and at the end of file', async () => {
  const pipe = openPipe(native)
  writeSync(pipe.write, 'ab')
  const seen: number[] = []
  await new Promise<void>((resolve) => {
    native.watch(pipe.read, () => {
      const size = readSync(pipe.read, new Uint8Array(1))
      seen.push(size)
      if (seen.length === 2) closeSync(pipe.write)
      if (size > 0) return
      native.unwatch(pipe.read)
      resolve()
    })
  })
  closeSync(pipe.read)
  expect(seen).toEqual([1, 1, 0])
})

test('one watch per descriptor, none for what cannot be polled', () => {
  const pipe = openPipe(native)
  const nothing = (): void => undefined
  expect(native.watch(pipe.read, nothing)).toBe(0)
  expect(native.watch(pipe.read, nothing)).toBe(EEXIST)
  expect(native.unwatch(pipe.read)).toBe(0)
  expect(native.unwatch(pipe.read)).toBe(ENOENT)
  closeSync(pipe.read)
  closeSync(pipe.write)
  expect(native.watch(987, nothing)).toBe(EBADF)
  const file = openSync('/etc/hostname', constants.O_RDONLY)
  expect(native.watch(file, nothing)).toBe(-1)
  closeSync(file)
})

test('what a watch throws reaches uncaughtException, and the watch goes on', async () => {
  const script = join(import.meta.dirname, 'watch-throws.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 20_000 })
  expect(stdout).toBe('caught 1\ntick 1\ncaught 2\ntick 2\nend\n')
})

test('an open watch does not keep a process from exiting', async () => {
  const script = `const m = { exports: {} }; process.dlopen(m, process.env.SOLOCLOUD_ADDON)
    m.exports.watch(0, () => {}); process.exit(3)`
  const child = spawnChild(process.execPath, ['-e', script], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  const code = await new Promise((resolve) => child.once('exit', resolve))
  expect(code).toBe(3)
})

test('signals arrive with their sender', async () => {
  const fd = openSignalPipe(native, [10, 12])
  process.kill(process.pid, 10)
  process.kill(process.pid, 12)
  await readable(fd)
  const sender = { senderPid: process.pid, senderUid: process.getuid?.(), code: 0 }
  const received = readSignals(native, fd).toSorted((a, b) => a.signal - b.signal)
  expect(received).toEqual([
    { signal: 10, ...sender },
    { signal: 12, ...sender },
  ])
  expect(native.fcntl(fd, 1, 0)).toBe(1)
  closeSync(fd)
})

test('a signal that cannot be caught is an error', () => {
  expect(native.signalPipe([9])).toBe(EINVAL)
  expect(native.signalPipe([0])).toBe(EINVAL)
  expect(native.signalPipe([65])).toBe(EINVAL)
})

test('every descriptor is close-on-exec', () => {
  const pipe = openPipe(native)
  const fds = [pipe.read, pipe.write, native.memfdCreate('x'), native.socket(1, 1, 0)]
  for (const fd of fds) {
    expect(native.fcntl(fd, 1, 0)).toBe(1)
    closeSync(fd)
  }
})

test('an extended attribute is set; what the file system does not take is an error', () => {
  const path = join(place.dir, 'attributes')
  closeSync(openSync(path, 'w'))
  expect(native.lsetxattr(path, 'user.note', Buffer.from('hello'))).toBe(0)
  expect(native.lsetxattr(path, 'nonsense.note', Buffer.from('hello'))).toBe(-95)
})

test('the extended attributes of an open file, in buffers of any size', () => {
  const path = join(place.dir, 'more-attributes')
  const fd = openSync(path, 'w')
  for (const name of ['user.a', 'user.b'])
    native.lsetxattr(path, name, Buffer.from([0, 1, 0xff, name.charCodeAt(5)]))
  const bytes = Buffer.alloc(64)
  expect(native.flistxattr(fd, Buffer.alloc(0))).toBe(14)
  expect(native.flistxattr(fd, Buffer.alloc(13))).toBe(-34)
  const names = bytes.toString('utf8', 0, native.flistxattr(fd, bytes)).split('\0')
  expect(names.sort()).toEqual(['', 'user.a', 'user.b'])
  expect(native.fgetxattr(fd, 'user.b', Buffer.alloc(0))).toBe(4)
  expect(native.fgetxattr(fd, 'user.b', Buffer.alloc(3))).toBe(-34)
  expect(native.fgetxattr(fd, 'user.c', bytes)).toBe(-61)
  expect(bytes.subarray(0, native.fgetxattr(fd, 'user.b', bytes))).toEqual(
    Buffer.from([0, 1, 0xff, 0x62]),
  )
  closeSync(fd)
  expect(native.flistxattr(fd, bytes)).toBe(-9)
})

test('a wrong argument throws and does nothing', () => {
  const wrong = native as unknown as Record<string, (...args: unknown[]) => unknown>
  expect(() => wrong['kill']?.('1', 0)).toThrow(TypeError)
  expect(() => wrong['mount']?.('a', 'b')).toThrow(TypeError)
  expect(() => wrong['umount2']?.('/nonexistent\0/x', 0)).toThrow(TypeError)
  expect(() => wrong['read']?.(0, 'buffer')).toThrow(TypeError)
  expect(() => wrong['reap']?.(new Uint8Array(4))).toThrow(TypeError)
  expect(() => wrong['spawn']?.(['x', 1], [], 0, [])).toThrow(TypeError)
  expect(() => wrong['watch']?.(0, null)).toThrow(TypeError)
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, -(2 ** 31) - 1, 0.5])(
  '%d is not a process: no other number takes its place',
  (pid) => {
    expect(() => native.kill(pid, 0)).toThrow('bad argument')
  },
)

test('a number that 64 bits do not hold exactly is refused', () => {
  expect(() => native.fcntl(0, 1, 2 ** 53)).toThrow('bad argument')
  expect(() => native.fcntl(0, 1, Number.NaN)).toThrow('bad argument')
  expect(native.fcntl(-1, 1, -(2 ** 53) + 1)).toBe(EBADF)
})

test('the length of a sparse array costs nothing', () => {
  const words = new Array<string>(2 ** 32 - 1)
  expect(() => native.spawn(words, [], 0, [], NO_PLACE)).toThrow('bad argument')
})
