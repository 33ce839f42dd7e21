import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { saboteurArchive } from './crash-guest.ts'

test('the saboteur is told what to become, one word a line', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'saboteur-'))
  try {
    const program = join(dir, 'saboteur')
    await writeFile(program, 'ELF')
    const all = { service: '', collect: '', storm: '', counter: '', saboteur: program }
    const archive = await saboteurArchive(all, ['/sbin/init', '--a', 'b'])
    expect(archive.toString('latin1')).toContain('/sbin/init\n--a\nb\n')
    expect(archive.toString('latin1')).toContain(await readFile(program, 'latin1'))
    // The kernel takes a second archive where the first has ended, at a multiple of four.
    expect(archive.length % 4).toBe(0)
  } finally {
    await rm(dir, { recursive: true })
  }
})
