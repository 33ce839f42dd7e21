import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { networkPlan } from '../../../protocol/network-plan.ts'
import { lookNetwork } from './look-network.ts'
import { FIXTURES, recordedFiles, recordedKernel } from './recorded-network.ts'

const names = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

test.each(names)('%s', (name) => {
  const found = lookNetwork(recordedFiles(name), recordedKernel(name))
  const expected: unknown = JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8'))
  expect(found).toEqual(expected)
  expect(networkPlan(found.plan, 'plan')).toEqual(found.plan)
})
