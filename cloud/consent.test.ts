import pc from 'picocolors'
import { expect, test } from 'vitest'
import type { Context } from './command.ts'
import { agree } from './consent.ts'

const asked: string[] = []
function context(answer: string | null, options: Context['options'] = {}): Context {
  const ask = (question: string): Promise<string> => {
    asked.push(question)
    return Promise.resolve(answer ?? '')
  }
  return {
    io: {
      ...{ out: process.stdout, err: process.stderr, env: {}, colors: pc.createColors(false) },
      ask: answer === null ? null : ask,
    },
    tunnels: { socketTo: () => Promise.reject(new Error('nothing is asked of a node')) },
    ...{ json: false, options },
  }
}

test.each(['y', 'Yes', ' y '])('%s is a yes', async (answer) => {
  await agree(context(answer), 'It will go.')
  expect(asked.at(-1)).toBe('It will go. Go on? [y/N] ')
})

test.each(['', 'n', 'yesterday', 'no'])('"%s" is none', async (answer) => {
  await expect(agree(context(answer), 'It will go.')).rejects.toMatchObject({
    ...{ code: 'not-agreed', exitCode: 1 },
  })
})

test('--yes asks nobody, and without it nobody is no yes', async () => {
  const before = asked.length
  await agree(context(null, { yes: true }), 'It will go.')
  await expect(agree(context(null), 'It will go.')).rejects.toMatchObject({ code: 'usage' })
  expect(asked).toHaveLength(before)
})
