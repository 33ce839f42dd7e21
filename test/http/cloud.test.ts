import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError, type Push } from '../../init/supervisor/apps.ts'
import { BenchNode } from './bench-node.ts'
import { cloud, resultOf, spawnCloud } from './cli.ts'
import { sampleApp, sampleNode } from './fake-apps.ts'

let bench: BenchNode
let image: string
const content = Buffer.alloc(1_500_000, 'image')
const sha256 = createHash('sha256').update(content).digest('hex')
const failingLine = { at: '2026-01-01T00:00:00Z', stream: 'stderr' as const, line: 'no config' }

beforeEach(async () => {
  bench = await BenchNode.start()
  await mkdir(join(bench.directory, 'bar'))
  image = join(bench.directory, 'bar', 'foo.txz')
  await writeFile(image, content)
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

/** The output as JSON values, one a line. */
function values(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('start, as the founding document has it', async () => {
  let push: Push | null = null
  bench.apps.afterUpload = (given) => Promise.resolve(void (push = given))
  expect(await cloud(['start', bench.address, image])).toEqual({
    code: 0,
    out:
      'foo: sending 1.4 MiB\n' +
      'foo: unpacked 1.4 MiB, 1 files\n' +
      'foo: starting generation 1\n' +
      'foo: started, pid 42 (namespaces)\n' +
      'foo: running, generation 1\n',
    err: '',
  })
  expect(push).toMatchObject({ name: 'foo', packedSha256: sha256 })
  expect(bench.apps.get('foo').digest).toBe(`sha256:${sha256}`)
})

test('start --json', async () => {
  const { code, out, err } = await cloud(['start', bench.address, image, '--json'])
  expect([code, err]).toEqual([0, ''])
  const events = values(out)
  expect(events.map((event) => event['name'])).toEqual(events.map(() => 'foo'))
  expect(events.at(-1)).toMatchObject({ event: 'running' })
})

test('start with another name, by a Unix socket, and by CLOUD_NODE', async () => {
  const unix = `unix:${bench.socketPath}`
  expect((await cloud(['start', unix, image, '--name', 'other'])).code).toBe(0)
  expect((await cloud(['start', image], { CLOUD_NODE: unix })).code).toBe(0)
  expect(bench.apps.list().map(({ name }) => name)).toEqual(['other', 'foo'])
})

test('a push that fails shows why, and what the app said', async () => {
  bench.apps.afterUpload = () =>
    Promise.reject(new AppError('start-failed', 'It exited with 3; see its log.', [failingLine]))
  const { code, out, err } = await cloud(['start', bench.address, image])
  expect([code, out]).toEqual([1, 'foo: sending 1.4 MiB\n'])
  expect(err).toBe(
    'cloud: foo: It exited with 3; see its log.\n' +
      'The last lines of its log:\n  stderr: no config\n',
  )
  const json = await cloud(['--json', 'start', bench.address, image])
  expect(json.code).toBe(1)
  expect(values(json.out).at(-1)).toMatchObject({
    name: 'foo',
    event: 'error',
    logs: [failingLine],
  })
  expect(values(json.err)).toEqual([
    {
      error: {
        name: 'foo',
        code: 'start-failed',
        detail: 'It exited with 3; see its log.',
        logs: [failingLine],
      },
    },
  ])
})

test('a push beside another is refused before it is sent', async () => {
  bench.apps.beforeUpload = () => Promise.reject(new AppError('push-in-progress', 'Wait for it.'))
  const { code, out, err } = await cloud(['start', bench.address, image])
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: 'cloud: foo: Wait for it.\n' })
  expect(bench.apps.pushedBytes).toBe(0)
})

test('a push that is refused while it is sent tells why, not that a pipe broke', async () => {
  await writeFile(image, Buffer.alloc(64 * 1024 * 1024))
  bench.apps.deploy = async (push) => {
    for await (const chunk of push.body as AsyncIterable<Buffer>) {
      push.onProgress({ event: 'unpacking', bytes: chunk.length, entries: 1 })
      throw new AppError('image-corrupt', 'This is not a tar; build it again.')
    }
    return sampleApp('foo')
  }
  expect(await cloud(['start', bench.address, image])).toMatchObject({
    code: 1,
    err: 'cloud: foo: This is not a tar; build it again.\n',
  })
})

test('of several images a bad one does not stop the others', async () => {
  const second = join(bench.directory, 'second.tar')
  await writeFile(second, 'x')
  const missing = join(bench.directory, 'missing.txz')
  const { code, out, err } = await cloud(['start', bench.address, missing, second])
  expect(code).toBe(1)
  expect(out).toMatch(/^second: running, generation 1$/m)
  expect(err).toBe(`cloud: missing: There is no file ${missing}; check the path.\n`)
})

test('Ctrl-C while sending leaves the node as it was', async () => {
  await writeFile(image, Buffer.alloc(64 * 1024 * 1024))
  const received = Promise.withResolvers<number>()
  bench.apps.deploy = async (push) => {
    try {
      for await (const chunk of push.body as AsyncIterable<Buffer>) {
        received.resolve(chunk.length)
        await new Promise((resolve) => setTimeout(resolve, 50)) // A slow disk.
      }
    } catch (error) {
      bench.apps.failures.push(error)
      throw error
    }
    return sampleApp('foo')
  }
  const child = spawnCloud(['start', bench.address, image])
  await received.promise
  child.kill('SIGINT')
  await vi.waitFor(() => expect(bench.apps.failures).toHaveLength(1), { timeout: 10_000 })
  expect(bench.apps.failures[0]).toMatchObject({ code: 'connection-lost' })
})

test('a node that dies during a push', async () => {
  bench.apps.afterUpload = async () => {
    await bench.server.close()
  }
  const { code, err } = await cloud(['start', bench.address, image])
  expect(code).toBe(3)
  expect(err).toMatch(/^cloud: foo: .*connection.*`cloud ps`.*\n$/)
})

test('stop, as the founding document has it', async () => {
  for (const name of ['foo', 'bar']) bench.apps.add(name)
  expect(await cloud(['stop', bench.address, 'foo.txz'])).toEqual({
    ...{ code: 0, out: 'foo: stopped and deleted\n', err: '' },
  })
  expect(await cloud(['stop', '--json', bench.address, 'bar'])).toEqual({
    ...{ code: 0, out: '{"name":"bar","event":"stopped"}\n', err: '' },
  })
  expect(bench.apps.list()).toEqual([])
  expect(await cloud(['stop', bench.address, 'foo'])).toEqual({
    ...{ code: 4, out: '', err: 'cloud: foo: There is no app "foo".\n' },
  })
})

test('ps', async () => {
  const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString()
  bench.apps.add('foo', { startedAt: at(93_784), restarts: 2, version: '1.2\u001b[31m' })
  bench.apps.add('a-longer-name', {
    ...{ state: 'backing-off', isolation: 'chroot', pid: null, startedAt: null, version: null },
    ...{ generation: 12, lastExit: { exitCode: null, signal: 'SIGSEGV', at: at(3 * 3600 + 150) } },
    error: 'It ended too often.',
  })
  const { code, out, err } = await cloud(['ps', bench.address])
  expect(code).toBe(0)
  expect(out).toBe(
    'NAME           STATE        ISOLATION   PID  UPTIME  RESTARTS  VERSION   GENERATION  LAST EXIT\n' +
      'foo            running      namespaces  42   1d 2h   2         1.2?[31m  1           -\n' +
      'a-longer-name  backing-off  chroot      -    -       0         -         12          SIGSEGV, 3h 2m ago\n',
  )
  expect(err).toBe('cloud: a-longer-name: It ended too often.\n')
  const json = await cloud(['ps', bench.address, '--json'])
  expect(JSON.parse(json.out)).toEqual(bench.apps.list())
})

test('logs go where the app wrote them', async () => {
  bench.apps.add('foo')
  bench.apps.write('foo', 'one')
  bench.apps.write('foo', 'two', 'stderr')
  bench.apps.write('foo', 'three')
  expect(await cloud(['logs', bench.address, 'foo'])).toEqual({
    ...{ code: 0, out: 'one\nthree\n', err: 'two\n' },
  })
  const last = await cloud(['logs', bench.address, '-t', '-n', '1', 'foo'])
  expect(last.out).toBe('2026-01-02T03:04:05.678Z three\n')
  const json = await cloud(['logs', bench.address, '-n', '2', 'foo', '--json'])
  expect(values(json.out)).toEqual(bench.apps.tail('foo', 2))
  expect((await cloud(['logs', bench.address, 'bar'])).code).toBe(4)
})

test('logs -f goes on until the app is deleted', async () => {
  bench.apps.add('foo')
  bench.apps.write('foo', 'old')
  const child = spawnCloud(['logs', '-f', bench.address, 'foo'])
  const result = resultOf(child)
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
  bench.apps.write('foo', 'new')
  await cloud(['stop', bench.address, 'foo'])
  expect(await result).toEqual({ code: 0, out: 'old\nnew\n', err: '' })
})

test('logs -f | head: no complaint', async () => {
  bench.apps.add('foo')
  const child = spawnCloud(['logs', '-f', bench.address, 'foo'])
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
  child.stdout.destroy()
  const result = resultOf(child)
  const writing = setInterval(() => bench.apps.write('foo', 'line'), 20)
  const { code, err } = await result
  clearInterval(writing)
  expect([code, err]).toEqual([141, ''])
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(0))
})

test('logs -f of a node that goes down', async () => {
  bench.apps.add('foo')
  const child = spawnCloud(['logs', '-f', bench.address, 'foo'])
  const result = resultOf(child)
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
  await bench.server.close()
  expect(await result).toMatchObject({ code: 0, err: '' })
})

test('restart and rollback', async () => {
  bench.apps.add('foo', { generation: 2, previousGeneration: 1 })
  expect(await cloud(['restart', bench.address, 'foo'])).toEqual({
    ...{ code: 0, out: 'foo: running, generation 1\n', err: '' },
  })
  bench.apps.add('foo', { generation: 2, previousGeneration: 1 })
  expect(await cloud(['rollback', bench.address, 'foo'])).toEqual({
    ...{ code: 0, out: 'foo: starting generation 1\nfoo: running, generation 1\n', err: '' },
  })
  expect(await cloud(['rollback', bench.address, 'foo', 'bar'])).toEqual({
    ...{ code: 1, out: '' },
    err:
      'cloud: foo: foo has no generation to go back to.\n' + 'cloud: bar: There is no app "bar".\n',
  })
  const json = await cloud(['restart', bench.address, 'foo', '--json'])
  expect(JSON.parse(json.out)).toEqual(bench.apps.get('foo'))
})

test('node', async () => {
  const { code, out, err } = await cloud(['node', bench.address])
  expect([code, err]).toEqual([0, ''])
  expect(out).toBe(
    'Host        vps\n' +
      'Version     0.1.0\n' +
      'Kernel      6.1.0, amd64\n' +
      'Up          1d 1h, since 2026-01-01T00:00:00.000Z\n' +
      'Memory      56.0 MiB of 256.0 MiB used, PID 1 12.0 MiB\n' +
      'Disk        1.0 GiB of 10.0 GiB used, 600000 inodes free\n' +
      'Isolation   namespaces\n' +
      'Apps        1 of 1 running\n' +
      'Addresses   10.0.2.15\n' +
      'Managed at  unix:/run/solocloud/manage.sock\n',
  )
  const json = await cloud(['node', bench.address, '--json'])
  expect(JSON.parse(json.out)).toEqual(sampleNode())
})

test('reboot and poweroff', async () => {
  expect(await cloud(['reboot', bench.address])).toEqual({
    ...{ code: 0, out: `${bench.address}: going down to reboot\n`, err: '' },
  })
  expect(await cloud(['poweroff', bench.address, '--json'])).toEqual({
    ...{ code: 0, out: `{"node":"${bench.address}","action":"poweroff"}\n`, err: '' },
  })
  expect(bench.node.acts).toEqual(['reboot', 'poweroff'])
})

test.each<[string, string[], string]>([
  ['no command', [], 'Usage: cloud'],
  ['an unknown command', ['stat'], "cloud: unknown command 'stat'\n(Did you mean start?)"],
  ['an unknown option', ['ps', '--all'], "cloud: unknown option '--all'"],
  [
    'no node',
    ['ps'],
    'cloud: No node was named: give it as the first word (ssh://[USER@]HOST[:PORT], HOST:PORT,',
  ],
  [
    'no file',
    ['start', 'a:1'],
    'cloud: Which image? Name its file, as in `cloud start 1.2.3.4:5678',
  ],
  ['no app', ['stop', 'a:1'], 'cloud: Which app? Name it after the node'],
  ['an app twice', ['stop', 'a:1', 'foo', 'foo.txz'], 'cloud: "foo" is named twice'],
  ['a bad name', ['start', 'a:1', 'Foo.txz'], 'cloud: "Foo.txz" does not name an app: a name is'],
  ['a bad --name', ['start', 'a:1', 'x.txz', '--name', 'A'], 'cloud: "A" can\'t be an app\'s name'],
  ['two files and a --name', ['start', 'a:1', 'x', 'y', '--name', 'z'], 'cloud: --name is for one'],
  [
    'a bad port',
    ['ps', 'host:99999'],
    'cloud: "host:99999" is not a node: write ssh://[USER@]HOST[:PORT], HOST:PORT',
  ],
  ['a URL', ['ps', 'http://host:1'], 'cloud: "http://host:1" is not a node: write it without'],
  ['bad lines', ['logs', 'a:1', 'foo', '-n', 'x'], "cloud: option '-n, --lines <n>' argument 'x'"],
  ['two apps', ['logs', 'a:1', 'foo', 'bar'], 'cloud: logs shows one app at a time.'],
  ['too many words', ['ps', 'a:1', 'foo'], 'cloud: ps takes no more than a node'],
])('a wrong command line exits 2: %s', async (_, words, message) => {
  const { code, out, err } = await cloud(words)
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(message)
})

test('help and version are no errors', async () => {
  const help = await cloud(['--help'])
  expect([help.code, help.err]).toEqual([0, ''])
  for (const code of [0, 1, 2, 3, 4, 141])
    expect(help.out).toMatch(new RegExp(`^ +${code} +\\w`, 'm'))
  expect((await cloud(['logs', '--help'])).out).toContain('-f, --follow')
  expect(await cloud(['--version'])).toEqual({ code: 0, out: '0.1.0\n', err: '' })
})

async function listenOn(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('who does not answer as a node exits 3, in words', async () => {
  const smtp = createServer((socket) => socket.on('error', () => undefined).end('220 mail\r\n'))
  const page = createHttpServer((_, response) => response.end('<html>'))
  const missing = createHttpServer((_, response) => response.writeHead(404).end('not here'))
  const rude = createServer((socket) => socket.destroy())
  const gone = createServer()
  const servers = [smtp, page, missing, rude, gone]
  const [smtpAt, pageAt, missingAt, rudeAt, goneAt] = await Promise.all(servers.map(listenOn))
  gone.close()
  const told = async (node = ''): Promise<[number | null, string]> => {
    const { code, err } = await cloud(['ps', node])
    return [code, err.replace(`cloud: ${node}`, '')]
  }
  expect(await told(smtpAt)).toEqual([3, expect.stringContaining('does not speak HTTP')])
  expect(await told(pageAt)).toEqual([3, expect.stringContaining('the answer is not JSON')])
  expect(await told(missingAt)).toEqual([
    3,
    expect.stringContaining('it answered HTTP 404 without'),
  ])
  expect(await told(rudeAt)).toEqual([3, expect.stringContaining('the connection broke')])
  expect(await told(goneAt)).toEqual([3, expect.stringContaining('nobody listens there')])
  expect(await told('unix:/nowhere/manage.sock')).toEqual([
    3,
    expect.stringContaining('no such socket'),
  ])
  for (const server of servers) server.close()
})

test('CLOUD_DEBUG=1 adds the stack', async () => {
  const plain = await cloud(['ps', 'unix:/nowhere'])
  expect(plain.err.trim().split('\n')).toHaveLength(1)
  expect((await cloud(['ps', 'unix:/nowhere'], { CLOUD_DEBUG: '1' })).err).toMatch(/\n +at /)
})

test('image build and inspect', async () => {
  const directory = join(bench.directory, 'dir')
  const output = join(bench.directory, 'made.tgz')
  await mkdir(directory)
  const config = { Entrypoint: ['/bin/app', 'a b'] }
  await writeFile(join(directory, 'image.json'), JSON.stringify({ architecture: 'amd64', config }))
  const missing = await cloud(['image', 'build', directory, '-o', output])
  expect([missing.code, missing.out]).toEqual([1, ''])
  expect(missing.err).toMatch(/^cloud: .*\/bin\/app.*\n$/)
  await mkdir(join(directory, 'bin'))
  await writeFile(join(directory, 'bin', 'app'), staticProgram(), { mode: 0o755 })
  const built = await cloud(['image', 'build', directory, '-o', output])
  expect(built).toMatchObject({ code: 0, err: '' })
  expect(built.out).toMatch(/made\.tgz: .* entries, sha256:[0-9a-f]{64}\n$/)
  const shown = await cloud(['image', 'inspect', output])
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/^Architecture +amd64$/m)
  expect(shown.out).toMatch(/^Command +\/bin\/app 'a b'$/m)
  const json = await cloud(['image', 'inspect', output, '--json', '--list'])
  expect(JSON.parse(json.out)).toMatchObject({ compression: 'gzip', manifest: { config } })
  expect(json.out).toContain('"/bin/app"')
})

test('image: what can not be done is told', async () => {
  const build = await cloud(['image', 'build', '/nowhere', '-o', '/tmp/x.txz'])
  expect(build).toEqual({ code: 1, out: '', err: 'cloud: /nowhere is not a directory.\n' })
  expect((await cloud(['image', 'build', '/tmp'])).code).toBe(2)
  const inspect = await cloud(['image', 'inspect', image])
  expect(inspect.code).toBe(1)
  expect(inspect.err).toBe(
    `cloud: ${image}: this is not an image: neither a tar nor a tar packed with gzip, xz or zstd.\n`,
  )
  const absent = await cloud(['image', 'inspect', '/nowhere', '--json'])
  expect(values(absent.err)).toEqual([
    { error: { code: 'unreadable', detail: 'There is no /nowhere; check the path.', logs: [] } },
  ])
})

/** An ELF header and nothing that it needs: enough for the builder to see a static program. */
function staticProgram(): Buffer {
  const header = Buffer.alloc(64 + 56)
  header.write('\u007fELF\u0002\u0001\u0001', 'latin1')
  header.writeUInt16LE(2, 16) // ET_EXEC
  header.writeUInt16LE(62, 18) // EM_X86_64
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(64n, 32) // e_phoff
  header.writeUInt16LE(64, 52)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(1, 56)
  header.writeUInt32LE(1, 64) // PT_LOAD
  return header
}
