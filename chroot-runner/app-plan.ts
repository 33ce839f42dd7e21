// The plans that become an app, or change a file below its root. Pure: data in, data out.
import type { Isolation } from '../protocol/api.ts'
import type { Manifest } from '../protocol/image.ts'
import { namespaceFlags } from '../sys/process.ts'
import { keptCapabilities, limitSteps } from './app-limits.ts'
import { managementSteps, rootSteps } from './app-root.ts'
import type { SpawnPlan, Step } from './plan.ts'

export interface AppPlanInput {
  /** The app's name, which is its host name too. */
  name: string
  /** The generation's directory on the node. */
  root: string
  manifest: Pick<Manifest, 'config' | 'management'>
  isolation: Isolation
  /** The app's own cgroup directory, or null where there are none. */
  cgroup: string | null
  /** What /etc/resolv.conf says. */
  resolvConf: string
}

/** Docker's, for an image that sets none. */
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * With namespaces: own pid, mount, ipc and uts ones, and an init. Without: a chroot, the node's processes
 * in sight, and whatever mounts and devices the node's own container allows.
 */
export function appPlan(input: AppPlanInput): SpawnPlan {
  const own = input.isolation === 'namespaces'
  return {
    namespaces: own ? namespaceFlags(['pid', 'mount', 'ipc', 'uts']) : 0,
    env: appEnvironment(input.manifest.config.Env, input.name),
    steps: [
      { op: 'setsid' },
      ...(input.cgroup === null ? [] : [{ op: 'cgroup', path: input.cgroup } as const]),
      { op: 'oom-score-adj', value: 0 },
      ...limitSteps(),
      { op: own ? 'enter-mount-namespace' : 'enter-directory', root: input.root },
      ...rootSteps(own),
      ...(input.manifest.management ? managementSteps() : []),
      { op: own ? 'pivot-root' : 'chroot' },
      ...(own ? [{ op: 'hostname', name: input.name } as const] : []),
      writeResolvConf(input.resolvConf),
      { op: 'write', path: 'etc/hosts', mode: 0o644, content: hosts(input.name) },
      ...processSteps(input),
    ],
  }
}

function processSteps({ manifest: { config, management }, isolation }: AppPlanInput): Step[] {
  const argv = [...config.Entrypoint, ...config.Cmd]
  if (argv.length === 0) throw new Error('BUG: a manifest with neither Entrypoint nor Cmd')
  const keep = keptCapabilities(isolation, management)
  return [
    { op: 'user', user: config.User || '0', keep },
    { op: 'no-new-privs' },
    { op: 'chdir', path: config.WorkingDir || '/' },
    ...(isolation === 'namespaces' ? [{ op: 'init' } as const] : []),
    { op: 'exec', argv },
  ]
}

/** As Docker: a PATH and HOSTNAME unless the image sets them; HOME comes from the app's /etc/passwd. */
function appEnvironment(image: readonly string[], name: string): string[] {
  const without = (prefix: string): boolean => !image.some((word) => word.startsWith(prefix))
  return [
    ...(without('PATH=') ? [DEFAULT_PATH] : []),
    ...(without('HOSTNAME=') ? [`HOSTNAME=${name}`] : []),
    ...image,
    ...(without('HOME=') ? ['HOME='] : []),
  ]
}

/** 127.0.1.1 for the name, as Debian: the node's addresses come and go. */
function hosts(name: string): string {
  return [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    `127.0.1.1 ${name}`,
    '',
  ].join('\n')
}

function writeResolvConf(content: string): Step {
  return { op: 'write', path: 'etc/resolv.conf', mode: 0o644, content }
}

/** Replaces /etc/resolv.conf of an app, running or not; a running one sees it at once. */
export function refreshPlan(input: { root: string; resolvConf: string }): SpawnPlan {
  return {
    namespaces: 0,
    env: [],
    steps: [
      { op: 'enter-directory', root: input.root },
      { op: 'chroot' },
      writeResolvConf(input.resolvConf),
      { op: 'exit' },
    ],
  }
}
