import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { Qmp, type QmpEvent } from './qmp.ts'

/** A QEMU that answers `bad` with an error, `silent` not at all, and everything else with its name. */
function fakeQemu(): Duplex {
  return new Duplex({
    read() {
      return undefined
    },
    write(chunk: Buffer, _encoding, done) {
      const { execute, id } = JSON.parse(chunk.toString()) as { execute: string; id: number }
      if (execute === 'bad') this.push(`${JSON.stringify({ id, error: { desc: 'no such' } })}\n`)
      else if (execute !== 'silent') this.push(`${JSON.stringify({ id, return: execute })}\n`)
      done()
    },
  })
}

test('answers find their command, events their listener', async () => {
  const stream = fakeQemu()
  const events: QmpEvent[] = []
  const qmp = new Qmp(stream, (event) => events.push(event))
  stream.push('{"QMP": {}}\n{"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}}\n')
  expect(await Promise.all([qmp.execute('first'), qmp.execute('second')])).toEqual([
    'first',
    'second',
  ])
  await expect(qmp.execute('bad')).rejects.toThrow('no such')
  expect(events).toEqual([{ event: 'SHUTDOWN', data: { reason: 'guest-shutdown' } }])
})

test('a command that QEMU can no longer answer is refused', async () => {
  const stream = fakeQemu()
  const qmp = new Qmp(stream, () => undefined)
  const pending = qmp.execute('silent')
  stream.destroy()
  await expect(pending).rejects.toThrow('QEMU has ended')
  await expect(qmp.execute('late')).rejects.toThrow('QEMU has ended')
})

test('a connection that breaks is no error of its own', async () => {
  const stream = fakeQemu()
  const qmp = new Qmp(stream, () => undefined)
  const pending = qmp.execute('silent')
  stream.destroy(new Error('ECONNRESET'))
  await expect(pending).rejects.toThrow('QEMU has ended')
})
