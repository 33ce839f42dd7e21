import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeDhcp, encodeDhcp, type DhcpMessage } from './dhcp-message.ts'
import { recorded } from '../../netlink/recorded.ts'
import { decodeDatagram } from './udp-frame.ts'

function recordedMessage(name: string): DhcpMessage {
  const message = decodeDhcp(
    decodeDatagram(recorded(name, import.meta.url))?.payload ?? new Uint8Array(),
  )
  if (message === null) throw new Error(`${name} is not decoded`)
  return message
}

test('a recorded offer', () => {
  expect(recordedMessage('offer')).toMatchObject({
    type: 'offer',
    reply: true,
    yourAddress: '10.9.0.50',
    options: {
      serverId: '10.9.0.1',
      leaseSeconds: 3600,
      subnetMask: '255.255.255.0',
      routers: ['10.9.0.1'],
      nameServers: ['10.9.0.1', '10.9.0.2'],
      domain: 'example.test',
      routes: [
        { destination: { address: '10.7.0.0', prefix: 16 }, gateway: '10.9.0.3' },
        { destination: { address: '0.0.0.0', prefix: 0 }, gateway: '10.9.0.1' },
      ],
    },
  })
})

test('a whole recorded exchange belongs together', () => {
  const names = ['discover', 'offer', 'request', 'ack']
  const messages = names.map(recordedMessage)
  expect(messages.map(({ type }) => type)).toEqual(names)
  expect(new Set(messages.map(({ xid }) => xid)).size).toBe(1)
  expect(new Set(messages.map(({ mac }) => Buffer.from(mac).toString('hex'))).size).toBe(1)
})

test('what we send is what was recorded', () => {
  for (const name of ['discover', 'request']) {
    const payload = decodeDatagram(recorded(name, import.meta.url))?.payload ?? new Uint8Array()
    expect(encodeDhcp(recordedMessage(name)).toString('hex')).toBe(
      Buffer.from(payload).toString('hex'),
    )
  }
})

const base: DhcpMessage = {
  type: 'ack',
  reply: true,
  xid: 0xdeadbeef,
  seconds: 3,
  broadcast: true,
  clientAddress: '0.0.0.0',
  yourAddress: '192.0.2.7',
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  options: {},
}

test('every option comes back', () => {
  const message: DhcpMessage = {
    ...base,
    options: {
      subnetMask: '255.255.255.255',
      routers: ['192.0.2.1'],
      nameServers: ['192.0.2.2'],
      hostname: 'node7',
      domain: 'example.com',
      mtuBytes: 1460,
      requestedAddress: '192.0.2.7',
      leaseSeconds: 0xffffffff,
      serverId: '192.0.2.1',
      parameters: [1, 3],
      message: 'no',
      messageBytesMax: 1472,
      renewalSeconds: 10,
      rebindingSeconds: 20,
      clientId: Uint8Array.of(1, 2),
      routes: [{ destination: { address: '192.0.2.128', prefix: 25 }, gateway: '0.0.0.0' }],
    },
  }
  expect(decodeDhcp(encodeDhcp(message))).toEqual(message)
})

/** A message with these bytes for options, and what `change` puts into the fixed fields. */
function raw(options: number[], change: (fixed: Buffer) => void = () => undefined): Buffer {
  const fixed = encodeDhcp(base).subarray(0, 240)
  change(fixed)
  return Buffer.concat([fixed, Buffer.from(options)])
}

test('options go on in sname and file (52), and in a second option of the same number (RFC 3396)', () => {
  const bytes = raw([53, 1, 5, 52, 1, 3, 6, 2, 192, 0, 6, 2, 2, 9, 255], (fixed) => {
    fixed.set([54, 4, 192, 0, 2, 1, 255], 108)
    fixed.set([51, 4, 0, 0, 0, 60, 255], 44)
  })
  expect(decodeDhcp(bytes)?.options).toEqual({
    serverId: '192.0.2.1',
    leaseSeconds: 60,
    nameServers: ['192.0.2.9'],
  })
})

test.each<[string, number[], object]>([
  ['a mask of three bytes', [1, 3, 255, 255, 255], {}],
  ['an empty list', [3, 0], {}],
  ['half an address', [6, 6, 192, 0, 2, 1, 192, 0], {}],
  ['a route with a prefix over 32', [121, 5, 33, 0, 0, 0, 0], {}],
  ['a route without its gateway', [121, 4, 0, 1, 2, 3], {}],
  ['padding', [0, 0, 26, 2, 5, 0xb4], { mtuBytes: 1460 }],
  ['a text with NUL', [12, 4, 97, 98, 0, 99], { hostname: 'ab' }],
  ['a cut-off option', [26, 2, 5, 0xb4, 12, 200, 97], { mtuBytes: 1460 }],
])('%s', (_, options, expected) => {
  expect(decodeDhcp(raw([53, 1, 5, ...options]))?.options).toEqual(expected)
})

test.each<[string, Buffer]>([
  ['short', Buffer.alloc(239)],
  ['without its cookie', raw([53, 1, 5], (fixed) => fixed.fill(0, 236))],
  ['without a type (BOOTP)', raw([1, 4, 255, 255, 255, 0])],
  ['of an unknown type', raw([53, 1, 99])],
  ['for other hardware', raw([53, 1, 5], (fixed) => fixed.fill(6, 1, 2))],
])('a message %s is not one', (_, bytes) => {
  expect(decodeDhcp(bytes)).toBeNull()
})

test('any options are survived', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(() => decodeDhcp(raw([53, 1, 5, ...bytes]))).not.toThrow()
    }),
  )
})
