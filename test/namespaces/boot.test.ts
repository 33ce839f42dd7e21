// PID 1's first and last acts for real, in namespaces of its own and in a root of its own. Needs root.
import { spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const NAMESPACES = '--pid --mount --net --uts --ipc --cgroup --fork --kill-child'
const WAIT_MS_MAX = 20_000

/** In the mount namespace: a root with what Node needs, and an app's root in it. */
const SCRIPT = `set -e
mount -t tmpfs root "$1"
cd "$1"
mkdir -p usr app/bin ".$2"
mount --bind /usr usr
mount --bind "$2" ".$2"
for dir in lib lib64 bin sbin; do [ -e /$dir ] && ln -s usr/$dir $dir; done
cp /usr/bin/busybox app/bin/busybox
exec chroot . "$3" "$2/test/namespaces/boot-probe.ts"
`

let directory: string
let cgroup: string | null
let child: ChildProcess
let output: string

/** Where this machine has its cgroup2 tree; null when it has none. */
function cgroupMount(): string | null {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((entry) => entry.includes(' - cgroup2 '))
  return line?.split(' ')[4] ?? null
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'solocloud-boot-'))
  // In a group of its own first: what it makes below its cgroup namespace's root is then ours to remove.
  const mount = cgroupMount()
  cgroup = mount === null ? null : join(mount, `solocloud-boot-${process.pid}`)
  if (cgroup !== null) mkdirSync(cgroup, { recursive: true })
  const join_ = cgroup === null ? '' : `echo $$ > ${cgroup}/cgroup.procs; `
  const start = `${join_}exec unshare ${NAMESPACES} sh -c "$0" sh "$@"`
  const words = ['-c', start, SCRIPT, directory, ROOT, process.execPath]
  child = spawn('sh', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => void (output += text))
  }
})
afterEach(async () => {
  child.kill('SIGKILL')
  await until('the end', () => child.exitCode !== null || child.signalCode !== null)
  rmSync(directory, { recursive: true, force: true })
  if (cgroup === null) return
  for (const name of readdirSync(cgroup, { withFileTypes: true })) {
    if (name.isDirectory()) rmdirSync(join(cgroup, name.name))
  }
  rmdirSync(cgroup)
})

async function until(what: string, done: () => boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX
  while (!done()) {
    if (performance.now() > endMs) throw new Error(`${what}: not in time; it wrote:\n${output}`)
    await new Promise((next) => setTimeout(next, 20))
  }
}

/** CAP_SYS_RESOURCE, which not every machine's root has: limits can be raised. */
function canRaise(): boolean {
  const [, hex = '0'] = /^CapEff:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return ((BigInt(`0x${hex}`) >> 24n) & 1n) === 1n
}

/** The pid of the namespace's PID 1, as this test sees it. */
function pidOne(): number {
  const holder = child.pid ?? 0
  return Number(
    readFileSync(`/proc/${holder}/task/${holder}/children`, 'utf8').trim().split(' ')[0],
  )
}

test('it boots, boots again in a next life, ignores an app, and goes down when the host asks', async () => {
  await until('the boot', () => output.includes('"ready"'))
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  const raises = canRaise()
  const facts = lines.find((line) => typeof line === 'object')
  expect(facts).toMatchObject({
    first: {
      mounted: ['/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/run', '/tmp', '/sys/fs/cgroup'],
      degraded: raises ? [] : [expect.stringContaining('memory'), expect.stringContaining('files')],
    },
    second: { mounted: [], degraded: raises ? 0 : 2 },
    devices: [
      'fd',
      'full',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ],
    nullMode: '666',
    nullIsDevice: true,
    modes: ['700', '700', '1777', '1777'],
    ...(raises ? { oom: '-1000', files: ['65536', '65536'] } : {}),
  })
  if (cgroup !== null) expect(existsSync(join(cgroup, 'solocloud'))).toBe(true)
  expect(output).toMatch(/SIGTERM is ignored: its sender \d+ belongs to an app/)
  process.kill(pidOne(), 'SIGTERM')
  await until('the end', () => child.exitCode !== null)
  expect(output).toContain('power-off by SIGTERM')
  expect(child.exitCode).toBe(0)
})

test('SIGINT asks for another start by the exit status', async () => {
  await until('the boot', () => output.includes('"ready"'))
  process.kill(pidOne(), 'SIGINT')
  await until('the end', () => child.exitCode !== null)
  expect(output).toContain('reboot by SIGINT')
  expect(child.exitCode).toBe(129)
})
