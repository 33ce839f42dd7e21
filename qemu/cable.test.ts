import { expect, test } from 'vitest'
import { atCable } from './cable.ts'

test("what runs at a process's end of the cable sees its network and nothing else of it", () => {
  expect(atCable(4711, ['ssh', 'guest'])).toEqual([
    ...['nsenter', '--net=/proc/4711/ns/net', '--', 'ssh', 'guest'],
  ])
})
