// The process itself: what it says, when it ends, what it takes of memory and of the disk.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { requestWords } from '../../chroot-runner/unpack/limits.ts'
import {
  errorOf,
  FILE,
  isRoot,
  MANIFEST,
  outcomeOf,
  startUnpack,
  unpackFile,
  type UnpackProcess,
  Workspace,
} from './role.ts'

test.runIf(isRoot)('a refused image ends it at once, though its input stays open', async () => {
  using workspace = new Workspace()
  const child = startUnpack(workspace.directory('root'))
  child.stdin.write(Buffer.from('no image at all '.repeat(100)))
  const outcome = await outcomeOf(child)
  expect(errorOf(outcome)).toMatch(/^image-corrupt: this is not an image/)
  expect(outcome.status).toBe(1)
})

test.runIf(isRoot)('words that its parent would not say are an error', async () => {
  using workspace = new Workspace()
  const child = startUnpack(workspace.directory('root'), ['surprise=1'])
  const outcome = await outcomeOf(child)
  expect(errorOf(outcome)).toMatch(/^unpack-failed: .*BUG: unpack does not understand "surprise=1"/)
})

/** Anonymous memory and that of /dev/shm and memfds, bytes: what cannot be dropped. */
function ownMemory(child: UnpackProcess): number {
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8')
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return (kib('RssAnon') + kib('RssShmem')) * 1024
}

async function feed(child: UnpackProcess, chunk: Buffer): Promise<void> {
  if (!child.stdin.write(chunk)) await once(child.stdin, 'drain')
}

test.runIf(isRoot)('its memory stays the same over 300 MB', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '${MANIFEST}' > tree/image.json
    for i in $(seq 6); do head -c 50M /dev/zero > tree/$i; done
    tar -C tree -cf - image.json 1 2 3 4 5 6 | gzip -1 > image.tgz`)
  const child = startUnpack(workspace.directory('root'))
  const memory: number[] = []
  const ended = outcomeOf(child, ({ event }) => {
    if (event === 'progress') memory.push(ownMemory(child))
  })
  const image = readFileSync(workspace.at('image.tgz'))
  for (let at = 0; at < image.length; at += 65536) await feed(child, image.subarray(at, at + 65536))
  child.stdin.end()
  const { events } = await ended
  expect(events.at(-1)).toMatchObject({ event: 'done', entries: 7 })
  expect(memory.length).toBeGreaterThan(1)
  const [first = 0] = memory
  console.info(
    `memory: ${Math.round(first / 1e6)} MB, at most ${Math.round(Math.max(...memory) / 1e6)}`,
  )
  expect(Math.max(...memory) - first).toBeLessThan(32 * 1024 * 1024)
})

test.runIf(isRoot)('100,000 members take no more than their directories', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '${MANIFEST}' > tree/image.json && cd tree
    for d in $(seq 100); do mkdir $d; done
    seq 100000 | awk '{ printf "" > ($1 % 100 + 1) "/file-" $1; close(($1 % 100 + 1) "/file-" $1) }'
    tar -cf ../image.tar .`)
  const child = startUnpack(workspace.directory('root'))
  const memory: number[] = []
  const ended = outcomeOf(child, ({ event }) => {
    if (event === 'progress') memory.push(ownMemory(child))
  })
  const image = readFileSync(workspace.at('image.tar'))
  for (let at = 0; at < image.length; at += 65536) await feed(child, image.subarray(at, at + 65536))
  child.stdin.end()
  const { events } = await ended
  expect(events.at(-1)).toMatchObject({ event: 'done', entries: 100_102 })
  console.info(`memory: at most ${Math.round(Math.max(...memory) / 1e6)} MB`)
  expect(Math.max(...memory) - (memory[0] ?? 0)).toBeLessThan(32 * 1024 * 1024)
  workspace.shell('test $(find root -type f | wc -l) = 100001')
})

/** Unpacks onto a file system of 40 MB, in a mount namespace of its own; the last line it says. */
function unpackOnSmallDisk(workspace: Workspace, words: readonly string[]): string {
  workspace.directory('disk')
  const run = `mount -t tmpfs -o size=40m none disk && mkdir disk/root
    "${FILE}" unpack disk/root ${words.join(' ')} < image.tar || echo "status $?"`
  return workspace.shell(`unshare --mount --net bash -c '${run}'`)
}

test.runIf(isRoot)('a disk that is too small is seen before, and when it is full', () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '${MANIFEST}' > tree/image.json
    head -c 20M /dev/urandom > tree/a && cp tree/a tree/b && tar -C tree -cf image.tar .`)
  const early = unpackOnSmallDisk(workspace, requestWords({ limits: { reserveBytes: 10_000_000 } }))
  expect(early).toMatch(/"code":"disk-full","message":"the node's disk is too full: "?.*21\.0 MB/)
  expect(early).toMatch(/status 1\n$/)
  // Without a reserve and with others writing, the kernel says it.
  const late = unpackOnSmallDisk(workspace, requestWords({ limits: { reserveBytes: 0 } }))
  expect(late).toMatch(/"code":"disk-full"/)
})

test.runIf(isRoot)('a wrong sha256 is told after the last byte', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '${MANIFEST}' > tree/image.json && tar -C tree -cf i.tar .`)
  const words = requestWords({ packedSha256: '0'.repeat(64) })
  const outcome = await unpackFile(workspace.at('i.tar'), workspace.directory('root'), words)
  expect(errorOf(outcome)).toMatch(/^digest-mismatch: the image arrived with sha256 [0-9a-f]{64}/)
})
