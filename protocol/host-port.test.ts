import { expect, test } from 'vitest'
import { parseHostPort } from './host-port.ts'

test.each([
  ['0.0.0.0:5678', { host: '0.0.0.0', port: 5678 }],
  ['[2001:db8::2]:1', { host: '2001:db8::2', port: 1 }],
  ['node7.example.com:65535', { host: 'node7.example.com', port: 65535 }],
  ...['5678', 'host', 'host:', 'host:0', 'host:65536', '[host]:1', '::1:80', ':80', '/a:1:2'].map(
    (text): [string, null] => [text, null],
  ),
])('%s', (text, address) => {
  expect(parseHostPort(text)).toEqual(address)
})
