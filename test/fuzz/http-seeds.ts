// What clients do to the management API: right, odd and wrong. Acts are told in target-http.ts.

const HOST = 'Host: x\r\n'
const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`
const ask = (method: string, path: string, headers = '', body = ''): string =>
  `${method} ${path} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`
const put = (headers: string, body: string): string => ask('PUT', '/v1/apps/web', headers, body)
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const length = (bytes: number): string => `Content-Length: ${bytes}\r\n`
const DIGEST = 'Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n'

export const HTTP_SEEDS: readonly string[] = [
  get('/v1/apps'),
  get('/v1/apps/web') + get('/v1/node'),
  get('/v1/apps/none'),
  get('/v1/apps/web/logs?tail=1'),
  `${get('/v1/apps/web/logs?follow&tail=0')}\x1ewa line\x1ep\x1ewanother`,
  `${get('/v1/apps/web/logs?follow')}\x1es\x1ewa line\x1ed`,
  `${get('/v1/apps/web/logs?follow')}\x1en${ask('DELETE', '/v1/apps/web')}`,
  put(length(4), 'data'),
  put(length(9), 'da\x1ezta'),
  put(length(9), 'da\x1ee'),
  put(`${length(4)}${DIGEST}`, 'data'),
  put(CHUNKED, '4\r\ndata\r\n0\r\n\r\n'),
  put(CHUNKED, '4;x=y\r\ndata\r\n0\r\nTrailer: t\r\n\r\n'),
  put(CHUNKED, '3\r\nabc\r\nnonsense\r\n'),
  put(`${length(4)}Expect: 100-continue\r\n`, '\x1epdata'),
  put(`${length(4)}Expect: 200-maybe\r\n`, ''),
  put(`${length(4)}Content-Type: text/plain\r\n`, 'data'),
  put(`${length(4)}Content-Encoding: gzip\r\n`, 'data') + get('/v1/node'),
  put(`${CHUNKED}${length(4)}`, '0\r\n\r\n'),
  put('', ''),
  `${put(length(8), 'data')}\x1en${put(length(4), 'more')}`,
  ask('POST', '/v1/apps/web/restart'),
  ask('POST', '/v1/apps/web/rollback'),
  ask('POST', '/v1/node/reboot', length(0)),
  ask('POST', '/v1/node/poweroff', length(3), 'abc'),
  ask('HEAD', '/v1/apps/web/logs?follow') + ask('HEAD', '/v1/apps'),
  ask('OPTIONS', '*') + ask('TRACE', '/v1/apps') + ask('PATCH', '/v1/node'),
  ask('CONNECT', 'example.com:443'),
  get('/v1/apps', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
  get('/v1/apps', 'Origin: http://evil.example\r\n'),
  get('http://node/v1/apps/%77eb?tail=%'),
  get('//v1//apps/../../etc/passwd'),
  'GET /v1/apps HTTP/1.0\r\n\r\n',
  'GET /v1/apps HTTP/1.1\r\n\r\n',
  'GET /v1/apps\r\n\r\n',
  get('/v1/apps', `X: ${'y'.repeat(9000)}\r\n`),
  get('/v1/apps', 'X: folded\r\n more\r\n'),
  `\x1eb${get('/v1/node')}`,
  '\x16\x03\x01\x02\0\x01',
]

export const HTTP_DICTIONARY: readonly string[] = [
  ...['GET ', 'PUT ', 'POST ', 'DELETE ', 'HEAD ', 'OPTIONS ', 'CONNECT ', 'QUERY ', 'PRI '],
  ...['/v1/apps', '/v1/node', '/web', '/logs', '/restart', '/rollback', '/reboot', '?tail=all'],
  ...[
    '?follow=1',
    '&tail=-1',
    '%2f',
    '%00',
    '..',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    ' HTTP/2.0\r\n',
  ],
  ...['\r\n', '\n', '\r', '\0', ': ', HOST, CHUNKED, DIGEST, 'Content-Length: 4\r\n', '0\r\n\r\n'],
  ...[
    'Content-Length: 18446744073709551616\r\n',
    'Expect: 100-continue\r\n',
    'Connection: close\r\n',
  ],
  ...['Connection: Upgrade\r\nUpgrade: x\r\n', 'Origin: a\r\n', 'Transfer-Encoding: identity\r\n'],
  ...['ffffffffffffffff\r\n', 'Repr-Digest: sha-512=:AA==:\r\n', 'Content-Type: text/x\r\n'],
  ...['\x1en', '\x1ee', '\x1ed', '\x1ep', '\x1es', '\x1ewline', '\x1eb', '\x1ez'],
]
