import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run, type PowerRole } from './power-command.ts'

let directory: string
let server: Server | null = null
let asked: string[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'power-'))
  asked = []
})
afterEach(async () => {
  await new Promise<void>((resolve) => {
    if (server === null) resolve()
    else server.close(() => resolve())
  })
  server = null
  await rm(directory, { recursive: true })
})

async function node(status: number): Promise<void> {
  const listening = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
    response.writeHead(status, { connection: 'close' }).end()
  })
  server = listening
  await new Promise<void>((resolve) => {
    listening.listen(join(directory, 'manage.sock'), resolve)
  })
}

async function power(role: PowerRole, ...argv: string[]): Promise<[number, string[]]> {
  const lines: string[] = []
  const io = {
    socketPath: join(directory, 'manage.sock'),
    downMs: 1,
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
  }
  return [await run(role, argv, io), lines]
}

test.each<[PowerRole, string[], string]>([
  ['reboot', [], 'POST /v1/node/reboot'],
  ['reboot', ['-f', '-n', 'now'], 'POST /v1/node/reboot'],
  ['reboot', ['-fp'], 'POST /v1/node/poweroff'],
  ['halt', [], 'POST /v1/node/poweroff'],
  ['poweroff', ['--force'], 'POST /v1/node/poweroff'],
])('%s %j asks PID 1: %s', async (role, argv, request) => {
  await node(202)
  const [code, lines] = await power(role, ...argv)
  expect(asked).toEqual([request])
  // The test's machine stays up, which is told after the (here very short) wait.
  expect(code).toBe(1)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/^The system is /)
  expect(lines[1]).toMatch(/still up after/)
})

test.each([['-w'], ['--wtmp-only'], ['-fw']])(
  '%s only writes wtmp: nothing happens',
  async (flag) => {
    await node(202)
    expect(await power('halt', flag)).toEqual([0, []])
    expect(asked).toEqual([])
  },
)

test('without a node it says so', async () => {
  const [code, lines] = await power('poweroff')
  expect(code).toBe(1)
  expect(lines).toEqual([
    expect.stringMatching(/^poweroff: no node answers at .*manage\.sock; is solocloud PID 1/),
  ])
})

test('a node that refuses is told', async () => {
  await node(503)
  expect(await power('reboot')).toEqual([
    1,
    ['reboot: the node answered HTTP 503 instead of going down.'],
  ])
})
