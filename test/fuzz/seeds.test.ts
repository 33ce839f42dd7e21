// Every target's own seeds, once: the harness stays in step with what it fuzzes.
import { expect, test } from 'vitest'
import { JAVASCRIPT_TARGETS } from './javascript-targets.ts'
import { mutate } from './mutate.ts'
import { NATIVE_TARGETS } from './native-targets.ts'
import { Random } from './random.ts'

const MUTANTS = 50

test.for([...JAVASCRIPT_TARGETS])('%s: the seeds and what comes of them', async ([, target]) => {
  const seeds = await target.seeds()
  const dictionary = target.dictionary.map((word) => Buffer.from(word, 'latin1'))
  const material = { corpus: seeds, dictionary, bytesMax: target.bytesMax }
  const open = await target.open()
  const endings = new Set<string>()
  for (const input of seeds) endings.add(await open.run(input))
  const random = new Random(1)
  for (let i = 0; i < MUTANTS; i++) {
    const input = mutate(random, material)
    await open.run(open.repair?.(input) ?? input)
  }
  await open.close()
  // They are there because they differ.
  expect(endings.size).toBeGreaterThan(seeds.length / 3)
})

test('the native seeds fit their targets', () => {
  for (const { seeds, bytesMax } of NATIVE_TARGETS.values()) {
    expect(seeds().length).toBeGreaterThan(1)
    expect(Math.max(...seeds().map(({ length }) => length))).toBeLessThanOrEqual(bytesMax)
  }
})
