import { expect, test } from 'vitest'
import { emptyRecord, memoryLife } from '../sys/fake-life.ts'
import { createNodeNotes } from './node-notes.ts'

test('the next life reads what this one wrote last, a part at a time', () => {
  const record = emptyRecord()
  const first = createNodeNotes(memoryLife(record))
  expect(first.read('boot')).toBeNull()
  first.write('boot', { mounted: ['/proc'] })
  first.write('network', 1)
  first.write('boot', { mounted: ['/proc', '/sys'] })
  const second = createNodeNotes(memoryLife(record))
  expect(second.read('boot')).toEqual({ mounted: ['/proc', '/sys'] })
  expect(second.read('network')).toBe(1)
  second.write('network', 2)
  expect(record.notes.size).toBe(2)
})

test("notes of others stay others'", () => {
  const record = emptyRecord()
  const life = memoryLife(record)
  life.write(life.claim(), { kind: 'app', part: 'boot', value: 1 })
  expect(createNodeNotes(memoryLife(record)).read('boot')).toBeNull()
})
