// Nodes behind ssh, with a stand-in for the ssh program: the real one is another stage's.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BenchNode } from './bench-node.ts'
import { cloud, resultOf, spawnCloud } from './cli.ts'

let bench: BenchNode
let bin: string
let temporary: string
let log: string

beforeEach(async () => {
  bench = await BenchNode.start()
  bin = join(bench.directory, 'bin')
  temporary = join(bench.directory, 'tmp')
  log = join(bench.directory, 'ssh.log')
  mkdirSync(bin)
  mkdirSync(temporary)
  const program = join(import.meta.dirname, 'fake-ssh.ts')
  const script = `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning ${program} "$@"\n`
  writeFileSync(join(bin, 'ssh'), script)
  chmodSync(join(bin, 'ssh'), 0o755)
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

function environment(mode = `forward ${bench.socketPath}`): NodeJS.ProcessEnv {
  return { PATH: bin, TMPDIR: temporary, FAKE_SSH: mode, FAKE_SSH_LOG: log }
}

/** The words of every ssh that ran, without those that only asked for the configuration. */
function sshRuns(): { pid: number; words: string }[] {
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  return lines
    .map((line) => /^(\d+) (.*)$/.exec(line) ?? [])
    .map(([, pid = '', words = '']) => ({ pid: Number(pid), words }))
    .filter(({ words }) => !words.startsWith('-G'))
}

/** It may still wait for whoever inherits it to ask for its end. */
function runs(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** No ssh and no directory is left. */
async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(() => expect(sshRuns().filter(({ pid }) => runs(pid))).toEqual([]), 5_000)
  expect(readdirSync(temporary)).toEqual([])
}

test('one tunnel carries a command, and is gone after it', async () => {
  bench.apps.add('foo')
  const { code, out, err } = await cloud(['ps', 'ssh://root@vps:2222', '--json'], environment())
  expect([code, JSON.parse(out)]).toEqual([0, bench.apps.list()])
  expect(err).toBe('Welcome to a banner that is not data.\n')
  const [run, ...more] = sshRuns()
  expect(more).toEqual([])
  expect(run?.words.replace(/-L \S+\/cloud-\w{6}\/sock:/, '-L SOCK:')).toBe(
    '-N -o ExitOnForwardFailure=yes -o ControlPath=none -o ConnectTimeout=20 ' +
      '-L SOCK:/run/solocloud/manage.sock -p 2222 root@vps',
  )
  await expectNothingLeft()
})

test('by CLOUD_NODE, with a push and with a timeout of the own configuration', async () => {
  const image = join(bench.directory, 'foo.tar')
  writeFileSync(image, Buffer.alloc(3_000_000, 'image'))
  const env = { ...environment(), CLOUD_NODE: 'ssh://vps' }
  const { code, out } = await cloud(['start', image], env)
  expect([code, bench.apps.pushedBytes]).toEqual([0, 3_000_000])
  expect(out).toMatch(/^foo: running, generation 1$/m)
  await expectNothingLeft()
  const refused = await cloud(['ps'], { ...env, FAKE_SSH: 'nobody' })
  expect(refused.code).toBe(3)
  expect(sshRuns().at(-1)?.words).not.toContain('ConnectTimeout')
})

test('an upgrade is followed through the same tunnel', async () => {
  const file = join(bench.directory, 'solocloud')
  writeFileSync(file, 'a file')
  bench.node.next = (now) => ({
    ...now,
    life: now.life + 1,
    init: { ...now.init, upgrade: { state: 'confirmed', reason: null } },
  })
  const { code, out } = await cloud(['upgrade', 'ssh://vps', file], environment())
  expect([code, out]).toEqual([0, expect.stringMatching(/^ssh:\/\/vps: runs 0\.1\.0, life 2$/m)])
  expect(sshRuns()).toHaveLength(1)
})

test('nobody behind it, in words', async () => {
  const { code, out, err } = await cloud(['node', 'ssh://vps'], environment('nobody'))
  expect([code, out]).toEqual([3, ''])
  expect(err).toMatch(
    /open failed: connect failed: No such file or directory\ncloud: ssh:\/\/vps: ssh got there, but nobody answers at \/run\/solocloud\/manage.sock; is solocloud PID 1 there/,
  )
  await expectNothingLeft()
})

test('no login', async () => {
  const { code, err } = await cloud(['node', 'ssh://vps'], environment('refuse'))
  expect(code).toBe(3)
  expect(err).toMatch(
    /Permission denied.*\ncloud: ssh:\/\/vps: ssh ended \(exit 255\); what it said is above/,
  )
  await expectNothingLeft()
})

test('no ssh program', async () => {
  const env = { ...environment(), PATH: join(bench.directory, 'nothing') }
  const { code, err } = await cloud(['node', 'ssh://vps'], env)
  expect([code, err]).toEqual([3, expect.stringContaining('there is no ssh program in PATH')])
  expect(readdirSync(temporary)).toEqual([])
})

test.each(['ssh://-oProxyCommand=x', 'ssh://-x@vps', 'ssh://a:b@vps'])(
  '%s runs no ssh',
  async (node) => {
    const { code, err } = await cloud(['ps', node], environment())
    expect([code, err]).toEqual([2, expect.stringContaining('write ssh://[USER@]HOST[:PORT]')])
    expect(existsSync(log)).toBe(false)
  },
)

test('a wrong command line asks for no passphrase', async () => {
  expect((await cloud(['ps', 'ssh://vps', 'foo'], environment())).code).toBe(2)
  expect(existsSync(log)).toBe(false)
})

test('a passphrase takes the time that it takes', async () => {
  const child = spawnCloud(['ps', 'ssh://vps'], {
    ...environment(`ask ${bench.socketPath}`),
  })
  const result = resultOf(child)
  await vi.waitFor(() => expect(sshRuns()).toHaveLength(1), { timeout: 10_000 })
  child.stdin.write('secret\n')
  expect(await result).toMatchObject({
    code: 0,
    err: expect.stringContaining('Passphrase: ') as string,
  })
  await expectNothingLeft()
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s leaves no ssh and no file',
  async (signal) => {
    bench.apps.add('foo')
    const child = spawnCloud(['logs', '-f', 'ssh://vps', 'foo'], environment())
    const ended = new Promise((resolve) => child.once('exit', (_, by) => resolve(by)))
    await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
    child.kill(signal)
    expect(await ended).toBe(signal)
    await expectNothingLeft()
  },
)

test('neither does a reader that goes away', async () => {
  bench.apps.add('foo')
  const child = spawnCloud(['logs', '-f', 'ssh://vps', 'foo'], environment())
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
  const result = resultOf(child)
  child.stdout.destroy()
  const writing = setInterval(() => bench.apps.write('foo', 'line'), 20)
  expect((await result).code).toBe(141)
  clearInterval(writing)
  await expectNothingLeft()
})

test('a tunnel that ends while a log is followed is told, and exits 3', async () => {
  bench.apps.add('foo')
  const child = spawnCloud(['logs', '-f', 'ssh://vps', 'foo'], environment())
  const result = resultOf(child)
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(1), { timeout: 10_000 })
  process.kill(sshRuns()[0]?.pid ?? 0, 'SIGKILL')
  const { code, err } = await result
  expect([code, err]).toEqual([3, expect.stringContaining('the connection broke')])
  expect(readdirSync(temporary)).toEqual([])
})
