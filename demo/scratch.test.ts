import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeScratch } from './scratch.ts'

test('what a process that is no more has left is removed, the rest stays', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'scratch-'))
  try {
    // Above the kernel's greatest pid (PID_MAX_LIMIT).
    const dead = join(parent, '99999999')
    const alive = join(parent, String(process.ppid))
    const other = join(parent, 'notes')
    for (const dir of [dead, alive, other]) await mkdir(dir)
    const mine = await makeScratch(parent)
    expect(mine).toBe(join(parent, String(process.pid)))
    expect([dead, alive, other, mine].map((dir) => existsSync(dir))).toEqual([
      false,
      true,
      true,
      true,
    ])
    expect(await makeScratch(parent)).toBe(mine)
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
})
