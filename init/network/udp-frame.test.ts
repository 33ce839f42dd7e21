import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recorded } from '../../netlink/recorded.ts'
import { checksum, decodeDatagram, encodeDatagram } from './udp-frame.ts'

test('a recorded packet is taken apart', () => {
  const datagram = decodeDatagram(recorded('offer', import.meta.url))
  expect(datagram).toMatchObject({
    sourceAddress: '10.9.0.1',
    sourcePort: 67,
    destinationAddress: '255.255.255.255',
    destinationPort: 68,
  })
  expect(datagram?.payload).toHaveLength(306)
})

test('put together again it is the same, checksums and all', () => {
  const packet = recorded('offer', import.meta.url)
  const datagram = decodeDatagram(packet)
  if (datagram === null) throw new Error('not decoded')
  const again = encodeDatagram(datagram)
  // Ours asks for low delay, which the IP header's checksum covers; UDP and its checksum are the same.
  expect(again.subarray(20).toString('hex')).toBe(packet.subarray(20).toString('hex'))
  expect(checksum(again.subarray(0, 20))).toBe(0)
})

test.each<[string, (packet: Buffer) => Buffer]>([
  ['cut off', (packet) => packet.subarray(0, packet.length - 1)],
  ['nothing', () => Buffer.alloc(0)],
  ['a broken header', (packet) => (packet.writeUInt8(1, 8), packet)],
  ['not UDP', (packet) => withHeader(packet, () => packet.writeUInt8(6, 9))],
  ['a fragment', (packet) => withHeader(packet, () => packet.writeUInt16BE(0x2000, 6))],
  ['an UDP length beyond the packet', (packet) => (packet.writeUInt16BE(9999, 24), packet)],
  ['IPv6', (packet) => withHeader(packet, () => packet.writeUInt8(0x65, 0))],
])('%s is not taken', (_, change) => {
  expect(decodeDatagram(change(recorded('offer', import.meta.url)))).toBeNull()
})

/** Changes the header and makes its checksum right again. */
function withHeader(packet: Buffer, change: () => void): Buffer {
  change()
  packet.writeUInt16BE(0, 10)
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10)
  return packet
}

test('any payload comes back; any bytes are survived', () => {
  const addresses = { sourceAddress: '0.0.0.0', destinationAddress: '255.255.255.255' }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (payload) => {
      const datagram = { ...addresses, sourcePort: 68, destinationPort: 67, payload }
      const decoded = decodeDatagram(encodeDatagram(datagram))
      expect(decoded).toEqual({ ...datagram, payload: Buffer.from(payload) })
      expect(() => decodeDatagram(Buffer.from(payload))).not.toThrow()
    }),
  )
})
