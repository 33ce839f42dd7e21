import { expect, test } from 'vitest'
import { parseNodeAddress, takeNode } from './node-address.ts'

test.each([
  ['1.2.3.4:5678', { kind: 'tcp', host: '1.2.3.4', port: 5678 }],
  ['vps.example.com:1', { kind: 'tcp', host: 'vps.example.com', port: 1 }],
  ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
  ['[fe80::1%eth0]:80', { kind: 'tcp', host: 'fe80::1%eth0', port: 80 }],
  ['ssh://vps', { kind: 'ssh', user: null, host: 'vps', port: null }],
  ['ssh://root@1.2.3.4:2222', { kind: 'ssh', user: 'root', host: '1.2.3.4', port: 2222 }],
  ['ssh://a-b@[::1]/', { kind: 'ssh', user: 'a-b', host: '::1', port: null }],
  ['unix:/run/x y.sock', { kind: 'unix', path: '/run/x y.sock' }],
])('%s', (text, expected) => {
  expect(parseNodeAddress(text)).toEqual({ text, ...expected })
})

test.each([
  'a:0',
  'a:65536',
  ':80',
  'a:',
  'a:b',
  '::1:80',
  '[::1]',
  'unix:relative',
  'a b:80',
  'http://a:80',
  'ssh://',
  'ssh://-oProxyCommand=x',
  'ssh://-oProxyCommand=x@host',
  'ssh://user@-host',
  'ssh://user:password@host',
  'ssh://host:0',
  'ssh://host:65536',
  'ssh://host/path',
  'ssh://a b',
  'ssh://a@b@c',
])('%s is refused', (text) => {
  expect(() => parseNodeAddress(text)).toThrow(`"${text}" is not a node`)
})

const NOWHERE = '/nonexistent/manage.sock'
const take = (
  words: string[],
  env: NodeJS.ProcessEnv = {},
  socket = NOWHERE,
): [string, string[]] => {
  const { node, words: rest } = takeNode(words, env, socket)
  return [node.text, rest]
}

test('the first word with a colon is the node', () => {
  expect(take(['1.2.3.4:5678', 'bar/foo.txz'])).toEqual(['1.2.3.4:5678', ['bar/foo.txz']])
  expect(take(['foo', 'ssh://root@vps'])).toEqual(['ssh://root@vps', ['foo']])
  expect(take(['foo', 'a:1', 'b:2'])).toEqual(['a:1', ['foo', 'b:2']])
})

test('a path with a colon is a file', () => {
  expect(take(['./a:1.txz', 'unix:/x'])).toEqual(['unix:/x', ['./a:1.txz']])
})

test('without one: CLOUD_NODE, then the local node, then an error that says how', () => {
  const env = { CLOUD_NODE: 'b:2' }
  expect(take(['foo'], env)).toEqual(['b:2', ['foo']])
  expect(take(['a:1', 'foo'], env)).toEqual(['a:1', ['foo']])
  expect(take(['foo'], {}, '/')).toEqual(['unix:/', ['foo']])
  expect(() => take(['foo'])).toThrow('or set CLOUD_NODE')
  expect(() => take(['foo'], { CLOUD_NODE: 'nonsense' })).toThrow('"nonsense" is not a node')
})
