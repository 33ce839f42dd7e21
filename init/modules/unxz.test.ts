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

test('the child reads one descriptor and writes the other, in an empty root', async () => {
  const { started, killed, end, late, unxz } = child()
  const done = unxz(5, 6)
  expect(started).toEqual([
    { argv: ['solocloud', 'unpack', directory, 'unxz'], env: [], namespaces: 0, fds: [5, 6, 2] },
  ])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  end({ exitCode: 0, signal: null })
  await done
  late()
  expect(killed).toEqual([])
})

test('a child that fails, or takes too long, is an error', async () => {
  const { killed, end, late, unxz } = child()
  const failed = unxz(5, 6)
  end({ exitCode: 1, signal: null })
  await expect(failed).rejects.toThrow('the decompressor exited with status 1')
  const slow = unxz(5, 6)
  late()
  expect(killed).toEqual([77])
  end({ exitCode: null, signal: 'SIGKILL' })
  await expect(slow).rejects.toThrow('the decompressor was ended by SIGKILL')
})
