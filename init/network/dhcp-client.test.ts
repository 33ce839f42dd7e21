import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listensOn, step } from './dhcp-client.ts'
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage, DhcpOptions, MessageType } from './dhcp-message.ts'
import type { Client, Effect, Event, State } from './dhcp-state.ts'

const client: Client = { mac: Uint8Array.of(2, 0, 0, 0, 0, 1), hostname: 'node7' }
/** With a constant 0.5, every transaction has this number and no wait is changed by chance. */
const XID = 0x80000000

function show(effect: Effect): string {
  if (effect === 'disarm') return effect
  if ('armMs' in effect) return `wait ${effect.armMs / 1000} s`
  if ('configure' in effect) return `use ${effect.configure.address.address}`
  if ('deconfigure' in effect) return `give up ${effect.deconfigure.address.address}`
  if ('refused' in effect) return `refused: ${effect.refused}`
  const { type, clientAddress, options } = effect.send
  const to = effect.to === 'broadcast' ? '' : ` to ${effect.to.address}`
  const wanted = options.requestedAddress === undefined ? '' : ` of ${options.requestedAddress}`
  const from = clientAddress === '0.0.0.0' ? '' : ` as ${clientAddress}`
  return `${type}${wanted}${from}${to}`
}

const reply = (type: MessageType, options: DhcpOptions = {}, fields: Partial<DhcpMessage> = {}) => {
  const lease = type === 'nak' ? {} : { leaseSeconds: 3600, subnetMask: '255.255.255.0' }
  const message: DhcpMessage = {
    type,
    reply: true,
    xid: XID,
    seconds: 0,
    broadcast: true,
    clientAddress: '0.0.0.0',
    yourAddress: type === 'nak' ? '0.0.0.0' : '192.0.2.7',
    mac: client.mac,
    ...fields,
    options: { serverId: '192.0.2.1', ...lease, ...options },
  }
  return { name: 'received', message } as const
}
const start = { name: 'start', hint: null } as const
const timeout = { name: 'timeout' } as const
const linkUp = { name: 'linkUp' } as const

type Move =
  | typeof start
  | typeof timeout
  | typeof linkUp
  | ReturnType<typeof reply>
  | { name: 'stop' }
  | { name: 'resume'; lease: Lease }

/** Plays [second, event] pairs; one line per step. */
function play(...moves: [number, Move][]): string[] {
  let state: State = { name: 'idle' }
  return moves.map(([second, move]) => {
    const event: Event = { ...move, nowMs: second * 1000, random: 0.5 }
    const [next, ...effects] = step(client, state, event)
    state = next
    const what = move.name === 'received' ? move.message.type : move.name
    return `${second} ${what} -> ${next.name}: ${effects.map(show).join(', ')}`
  })
}

test('a lease is asked for, used and renewed', () => {
  expect(
    play([0, start], [1, reply('offer')], [1, reply('ack')], [1801, timeout], [1801, reply('ack')]),
  ).toEqual([
    '0 start -> selecting: discover, wait 2 s',
    '1 offer -> requesting: request of 192.0.2.7, wait 2 s',
    '1 ack -> bound: use 192.0.2.7, wait 1800 s',
    '1801 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 675 s',
    '1801 ack -> bound: use 192.0.2.7, wait 1800 s',
  ])
})

test('silence: the waits double up to a minute, for ever', () => {
  const waits = play(
    [0, start],
    ...[2, 6, 14, 30, 62, 126, 190].map((s): [number, Move] => [s, timeout]),
  )
  expect(waits.map((line) => line.replace(/.*wait /, ''))).toEqual([
    '2 s',
    '4 s',
    '8 s',
    '16 s',
    '32 s',
    '64 s',
    '64 s',
    '64 s',
  ])
})

test('an offer whose server is gone is forgotten after four requests', () => {
  const moves: [number, Move][] = [
    [0, start],
    [0, reply('offer')],
  ]
  expect(play(...moves, [2, timeout], [6, timeout], [14, timeout], [30, timeout]).slice(2)).toEqual(
    [
      '2 timeout -> requesting: request of 192.0.2.7, wait 4 s',
      '6 timeout -> requesting: request of 192.0.2.7, wait 8 s',
      '14 timeout -> requesting: request of 192.0.2.7, wait 16 s',
      '30 timeout -> selecting: discover of 192.0.2.7, wait 2 s',
    ],
  )
})

test('nobody renews: rebinding, then the address is given up and everything starts again', () => {
  const bound: [number, Move][] = [
    [0, start],
    [0, reply('offer')],
    [0, reply('ack')],
  ]
  const times = [1800, 2475, 2812.5, 2981.25, 3065.625, 3150, 3375, 3487.5, 3547.5, 3600]
  expect(play(...bound, ...times.map((s): [number, Move] => [s, timeout])).slice(3)).toEqual([
    '1800 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 675 s',
    '2475 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 337.5 s',
    '2812.5 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 168.75 s',
    '2981.25 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 84.375 s',
    '3065.625 timeout -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 60 s',
    '3150 timeout -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 225 s',
    '3375 timeout -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 112.5 s',
    '3487.5 timeout -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 60 s',
    '3547.5 timeout -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 52.5 s',
    '3600 timeout -> selecting: give up 192.0.2.7, discover of 192.0.2.7, wait 2 s',
  ])
})

test('a refusal at the beginning is waited out; one while renewing takes the address away', () => {
  const no = reply('nak', { message: 'wrong network' })
  expect(play([0, start], [0, reply('offer')], [0, no], [10, timeout]).slice(2)).toEqual([
    '0 nak -> waiting: refused: wrong network, wait 10 s',
    '10 timeout -> selecting: discover, wait 2 s',
  ])
  const bound: [number, Move][] = [
    [0, start],
    [0, reply('offer')],
    [0, reply('ack')],
  ]
  expect(play(...bound, [1800, timeout], [1800, no]).at(-1)).toBe(
    '1800 nak -> selecting: refused: wrong network, give up 192.0.2.7, discover of 192.0.2.7, wait 2 s',
  )
})

test('when the carrier comes back, everyone is asked whether the address still holds', () => {
  const bound: [number, Move][] = [
    [0, start],
    [0, reply('offer')],
    [0, reply('ack')],
  ]
  expect(play(...bound, [100, linkUp]).at(-1)).toBe(
    '100 linkUp -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 1750 s',
  )
})

test('a lease without end is not renewed; a server that grants none is not believed', () => {
  const forever = reply('ack', { leaseSeconds: 0xffffffff })
  expect(play([0, start], [0, reply('offer')], [0, forever]).at(-1)).toBe(
    '0 ack -> bound: use 192.0.2.7, disarm',
  )
  const nothing = reply('ack', {}, { yourAddress: '0.0.0.0' })
  expect(play([0, start], [0, reply('offer')], [0, nothing]).at(-1)).toBe('0 ack -> requesting: ')
})

test('what is for others, from the past or from a client changes nothing', () => {
  const other = Uint8Array.of(2, 0, 0, 0, 0, 2)
  for (const fields of [{ mac: other }, { xid: 1 }, { reply: false }]) {
    expect(play([0, start], [0, reply('offer', {}, fields)]).at(-1)).toBe('0 offer -> selecting: ')
  }
})

test('stopping gives the address up', () => {
  const bound: [number, Move][] = [
    [0, start],
    [0, reply('offer')],
    [0, reply('ack')],
  ]
  expect(play(...bound, [9, { name: 'stop' }]).at(-1)).toBe(
    '9 stop -> idle: disarm, give up 192.0.2.7',
  )
})

test('whatever happens in whatever order: never an address without an end, never a silent wait', () => {
  const types: MessageType[] = ['offer', 'ack', 'nak']
  const move = fc.oneof(
    fc.constantFrom<Move>(start, timeout, timeout, linkUp, { name: 'stop' }),
    fc.constantFrom(...types).map((type): Move => reply(type)),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(move, fc.nat(5000)), { maxLength: 60 }), (moves) => {
      let state: State = { name: 'idle' }
      let [nowMs, armed, configured] = [0, false, false]
      for (const [next, waitedS] of moves) {
        nowMs += waitedS * 1000
        if (next.name === 'timeout') armed = false
        const [after, ...effects] = step(client, state, { ...next, nowMs, random: 0.5 })
        state = after
        for (const effect of effects) {
          if (effect === 'disarm') armed = false
          else if ('armMs' in effect) armed = effect.armMs >= 0
          else if ('configure' in effect) configured = true
          else if ('deconfigure' in effect) configured = false
        }
        const holds = 'lease' in state
        expect(configured).toBe(holds)
        // A timeout in `idle` is stale; everywhere else somebody must wake us.
        if (state.name !== 'idle') expect(armed).toBe(true)
        expect(listensOn(state) !== null).toBe('xid' in state)
      }
    }),
  )
})

test('a lease of the life before goes on where it would be by now', () => {
  const lease: Lease = {
    ...{ address: { address: '192.0.2.7', prefix: 24 }, server: '192.0.2.1', routes: [] },
    ...{ nameServers: [], hostname: null, domain: null, mtuBytes: null },
    ...{ renewAtMs: 1_800_000, rebindAtMs: 3_150_000, expiresAtMs: 3_600_000 },
  }
  const resumed = (second: number, more: Partial<Lease> = {}): string[] =>
    play([second, { name: 'resume', lease: { ...lease, ...more } }])
  expect([0, 1799, 1800, 3150, 3600].flatMap((second) => resumed(second))).toEqual([
    '0 resume -> bound: wait 1800 s',
    '1799 resume -> bound: wait 1 s',
    '1800 resume -> renewing: request as 192.0.2.7 to 192.0.2.1, wait 675 s',
    '3150 resume -> rebinding: request as 192.0.2.7 to 255.255.255.255, wait 225 s',
    '3600 resume -> selecting: give up 192.0.2.7, discover of 192.0.2.7, wait 2 s',
  ])
  const never = { renewAtMs: Infinity, rebindAtMs: Infinity, expiresAtMs: Infinity }
  expect(resumed(1e6, never)).toEqual(['1000000 resume -> bound: disarm'])
})
