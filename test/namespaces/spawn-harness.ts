// Runs native/spawn.c in namespaces of its own, with a small static program as the app.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { appPlan } from '../../chroot-runner/app-plan.ts'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import { planWords } from '../../chroot-runner/words.ts'
import type { Isolation } from '../../protocol/api.ts'
import type { ImageConfig } from '../../protocol/image.ts'
import { compileC } from '../native/build-addon.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** What Native.spawn's clone gives, and a network namespace because this is a test. */
const NAMESPACES = ['--pid', '--mount', '--net', '--uts', '--ipc', '--fork', '--kill-child']
const RUN_MS_MAX = 20_000

/** A seed for every inherited thing that an app must not see; see taint.c. */
/** Where old-kernel.c's own headers are. */
const FILTERS = `-I${join(import.meta.dirname, '../compat')}`

export interface Programs {
  dir: string
  spawn: string
  taint: string
  oldKernel: string
  probe: string
}

export function buildPrograms(dir: string): Programs {
  const source = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8')
  return {
    dir,
    spawn: buildSpawn(dir),
    taint: compileC(dir, 'taint', source('taint.c'), ['-static']),
    oldKernel: compileC(dir, 'old-kernel', source('../compat/old-kernel.c'), ['-static', FILTERS]),
    probe: compileC(dir, 'probe', source('probe-app.c'), ['-static']),
  }
}

function buildSpawn(dir: string): string {
  const output = join(dir, 'spawn')
  const freestanding = ['-ffreestanding', '-fno-stack-protector']
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-nostdlib', ...freestanding]
  const sources = ['native/spawn.c', 'test/native/spawn-main.c'].map((path) => join(ROOT, path))
  const noMemcpyLoops = '-fno-tree-loop-distribute-patterns'
  execFileSync('gcc', [...flags, noMemcpyLoops, ...sources, '-o', output])
  return output
}

const PASSWD = ['root:x:0:0:root:/root:/bin/sh', 'www:x:33:33::/srv/www:/bin/false', ''].join('\n')
const GROUP = [
  'root:x:0:',
  'www:x:33:',
  'logs:x:50:adm,www',
  'web:x:60:www',
  'adm:x:70:wwwx',
  '',
].join('\n')

/** A root file system with the probe as /bin/probe and two users. */
export function makeRoot(programs: Programs, name: string): string {
  const root = join(programs.dir, name)
  for (const directory of ['bin', 'etc', 'srv'])
    mkdirSync(join(root, directory), { recursive: true })
  copyFileSync(programs.probe, join(root, 'bin/probe'))
  chmodSync(root, 0o755)
  writeFileSync(join(root, 'etc/passwd'), PASSWD)
  writeFileSync(join(root, 'etc/group'), GROUP)
  return root
}

export const DEFAULT_CONFIG: ImageConfig = {
  Entrypoint: ['/bin/probe'],
  Cmd: [],
  Env: [],
  WorkingDir: '',
  User: '',
  StopSignal: 'SIGTERM',
}

export function planFor(
  root: string,
  isolation: Isolation,
  config: Partial<ImageConfig> = {},
): SpawnPlan {
  return appPlan({
    name: 'foo',
    root,
    manifest: { config: { ...DEFAULT_CONFIG, ...config }, management: false },
    isolation,
    cgroup: null,
    resolvConf: 'nameserver 10.0.2.3\n',
  })
}

export interface Running {
  child: ChildProcess
  stdout: Readable
  outcome: Promise<Outcome>
}
export interface Outcome {
  stdout: string
  stderr: string
  /** The lines of the report. */
  report: string[]
  status: number | null
}

/** How to run: as root, or as the root of an ordinary user's user namespace. */
export interface Options {
  userNamespace?: boolean
  tainted?: boolean
  /** Pipes for stdout and stderr, as PID 1 gives; Node's own are sockets, which can't be opened by name. */
  pipes?: boolean
  /** As on Linux 3.10, the app too. */
  oldKernel?: boolean
  /** By build/solocloud instead of spawn.c alone. */
  built?: boolean
  /** The plan runs twice, one after the other. */
  twice?: boolean
  /** The plan runs as an ordinary child, beside a bystander that must survive it. */
  child?: boolean
}

/** Each runs the words in its arguments, inside the namespaces. */
const SHELLS = {
  twice: '"$@" && "$@"',
  child: 'sleep 20 >/dev/null & "$@"; kill -0 $! && echo bystander lives',
} as const

/** Starts a plan as pid 1 of new namespaces. The kernel ends them with the test. */
export function start(programs: Programs, plan: SpawnPlan, options: Options = {}): Running {
  const user = options.userNamespace === true ? ['--user', '--map-root-user'] : []
  const taint = options.tainted === true ? [programs.taint] : []
  const shell = (['twice', 'child'] as const)
    .filter((name) => options[name] === true)
    .flatMap((name) => ['/bin/sh', '-c', SHELLS[name], 'sh'])
  const old = options.oldKernel === true ? [programs.oldKernel] : []
  const role = options.built === true ? [join(ROOT, 'build/solocloud'), 'spawn'] : [programs.spawn]
  const words = [...user, ...NAMESPACES, ...shell, ...old, ...taint, ...role, ...planWords(plan)]
  const env = Object.fromEntries(plan.env.map(pair))
  const piped = options.pipes === true ? ['/bin/sh', '-c', '"$@" 2>&1 | cat', 'sh'] : []
  const [file = '', ...args] = [...piped, '/usr/bin/unshare', ...words]
  const child = spawn(file, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: RUN_MS_MAX,
    killSignal: 'SIGKILL',
  })
  return { child, stdout: child.stdout as Readable, outcome: finish(child) }
}

function pair(word: string): [string, string] {
  const at = word.indexOf('=')
  return [word.slice(0, at), word.slice(at + 1)]
}

async function finish(child: ChildProcess): Promise<Outcome> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  const [, out, err, report] = child.stdio as Readable[]
  if (!out || !err || !report) throw new Error('no pipes')
  const [stdout, stderr, lines, status] = await Promise.all([
    text(out),
    text(err),
    text(report),
    ended,
  ])
  return { stdout, stderr, report: lines.split('\n').slice(0, -1), status }
}

export function run(programs: Programs, plan: SpawnPlan, options: Options = {}): Promise<Outcome> {
  return start(programs, plan, options).outcome
}

/** The pid of the app's init (or of the app) as this machine sees it. */
export function innerPid({ child }: Running): number {
  const pid = `${child.pid ?? 0}`
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
}

/** What the probe printed of one kind, without its label. */
export function seen(outcome: Outcome, label: string): string[] {
  const lines = outcome.stdout.split('\n').filter((line) => line.startsWith(`${label} `))
  return lines.map((line) => line.slice(label.length + 1))
}

export function indexOf(plan: SpawnPlan, op: string, path?: string): number {
  return plan.steps.findIndex(
    (step) =>
      step.op === op &&
      (path === undefined ||
        ('path' in step && step.path === path) ||
        ('target' in step && step.target === path)),
  )
}
