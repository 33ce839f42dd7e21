import { expect, test } from 'vitest'
import { fakeNative } from '../sys/fake-native.ts'
import { handlePower } from './power.ts'

const EAGAIN = -11
const EPERM = -1
const [SIGINT, SIGTERM, SIGPWR] = [2, 15, 30]

/** A node that has been sent signals: {signal, sender pid, sender uid, si_code} each. */
function hear(...signals: [number, number, number, number][]): string[] {
  const story: string[] = []
  const waiting = signals.map((words) => Buffer.from(Int32Array.from(words).buffer))
  const native = fakeNative({
    ownsMachine: () => 0,
    signalPipe: (numbers) => (numbers.join() === `${SIGINT},${SIGTERM},${SIGPWR}` ? 9 : EPERM),
    watch: (_, ready) => {
      ready()
      return 0
    },
    read: (_, bytes) => {
      const record = waiting.shift()
      if (record === undefined) return EAGAIN
      bytes.set(record)
      return record.length
    },
  })
  const nothing = (): void => undefined
  const complain = (problem: string): void => void story.push(problem)
  handlePower({
    native,
    log: { info: nothing, warn: nothing, error: nothing, say: nothing, open: nothing, complain },
    goDown: (how, reason) => void story.push(`${how}: ${reason}`),
    senders: { placeOf: (pid) => (pid === 50 ? 'app' : 'node') },
  })
  return story
}

test('signals turn into reboot and power off; an app has no say', () => {
  expect(
    hear([SIGTERM, 50, 0, 0], [SIGINT, 0, 0, 0x80], [SIGTERM, 7, 0, 0], [SIGPWR, 0, 0, 0]),
  ).toEqual([
    'SIGTERM is ignored: its sender 50 belongs to an app',
    'reboot: SIGINT',
    'power-off: SIGTERM',
    'power-off: SIGPWR',
  ])
})
