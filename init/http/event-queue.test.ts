import { expect, test } from 'vitest'
import { collect } from '../../test/http/collect.ts'
import { EventQueue } from './event-queue.ts'

test('items come in order, before and after the reader waits', async () => {
  const queue = new EventQueue<number>()
  queue.push(1)
  queue.push(2)
  const read = collect(queue)
  await Promise.resolve()
  queue.push(3)
  queue.end()
  queue.push(4)
  expect(await read).toEqual([1, 2, 3])
})

test('the cost is that of what nobody has read', async () => {
  const queue = new EventQueue<string>((item) => item.length)
  queue.push('abc')
  queue.push('de')
  queue.replaceLast('f')
  expect([queue.cost, queue.last]).toEqual([4, 'f'])
  const reader = queue[Symbol.asyncIterator]()
  expect(await reader.next()).toEqual({ done: false, value: 'abc' })
  expect(queue.cost).toBe(1)
  queue.clear()
  expect(queue.cost).toBe(0)
  expect((await reader.next()).done).toBe(true)
})

test('replacing the last of an empty queue adds', () => {
  const queue = new EventQueue<number>()
  queue.replaceLast(1)
  expect([queue.cost, queue.last]).toEqual([1, 1])
})
