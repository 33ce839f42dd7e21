import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { ProcessEnd, SpawnRequest } from '../../sys/process.ts'
import { createUnxz } from './unxz.ts'

const parent = mkdtempSync(join(tmpdir(), 'solocloud-unxz-'))
const directory = join(parent, 'empty')
afterAll(() => rmSync(parent, { recursive: true }))

function child(): {
  started: SpawnRequest[]
  killed: number[]
  end: (end: ProcessEnd) => void
  late: () => void
  unxz: ReturnType<typeof createUnxz>
} {
  const started: SpawnRequest[] = []
  const killed: number[] = []
  const ends: ((end: ProcessEnd) => void)[] = []
  let late = (): void => undefined
  const unxz = createUnxz({
    native: { kill: (pid) => killed.push(pid) },
    reaper: {
      spawn(request, onEnd) {
        started.push(request)
        ends.push(onEnd)
        return 77
      },
    },
    clock: {
      after(_, fire) {
        late = fire
        return () => (late = () => undefined)
      },
    },
    directory,
  })
  return { started, killed, end: (end) => ends.shift()?.(end), late: () => late(), unxz }
}

test('the child reads some descriptors and writes the others, in an empty root', async () => {
  const { started, killed, end, late, unxz } = child()
  const done = unxz([
    { packed: 5, plain: 6 },
    { packed: 7, plain: 8 },
  ])
  const argv = ['solocloud', 'unpack', directory, 'unxz', '2']
  const fds = [expect.any(Number), expect.any(Number), 2, 5, 6, 7, 8]
  expect(started).toEqual([{ argv, env: [], namespaces: 0, fds }])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  end({ exitCode: 0, signal: null })
  await done
  late()
  expect(killed).toEqual([])
})

test('a child that fails, or takes too long, is an error', async () => {
  const { killed, end, late, unxz } = child()
  const pair = [{ packed: 5, plain: 6 }]
  const failed = unxz(pair)
  end({ exitCode: 70, signal: null })
  await expect(failed).rejects.toThrow('the decompressor exited with status 70')
  const damaged = unxz(pair)
  end({ exitCode: 1, signal: null })
  await damaged
  const slow = unxz(pair)
  late()
  expect(killed).toEqual([77])
  end({ exitCode: null, signal: 'SIGKILL' })
  await expect(slow).rejects.toThrow('the decompressor was ended by SIGKILL')
})
