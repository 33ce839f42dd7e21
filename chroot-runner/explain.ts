// Why an app did not start, in one sentence that names the step and, where there is one, the remedy.
import { Rlimit } from '../sys/rlimit.ts'
import { errnoMessage, errnoName } from '../sys/sys-error.ts'
import type { SpawnPlan, Step } from './plan.ts'

/** `errno` is positive, as native/spawn.c reports it. */
export function explain(plan: SpawnPlan, index: number, errno: number): string {
  const step = plan.steps[index]
  if (step === undefined) return `the plan ends at step ${index} without an exec`
  const code = errnoName(errno)
  const hint = hints(step, code)
  return `${describe(step)}: ${hint ?? (errnoMessage(errno) || code)}`
}

/** What a step does, as the beginning of a sentence. */
function describe(step: Step): string {
  switch (step.op) {
    case 'setsid':
      return 'new session'
    case 'cgroup':
      return `join cgroup ${step.path}`
    case 'oom-score-adj':
      return `set oom_score_adj to ${step.value}`
    case 'rlimit':
      return `set limit ${limitName(step.resource)} to ${step.soft}:${step.hard}`
    case 'enter-mount-namespace':
    case 'enter-directory':
      return `enter ${step.root}`
    case 'mount':
      return `mount ${step.fstype || step.source} at /${step.target}`
    case 'device':
      return `make device /${step.path}`
    case 'symlink':
      return `link /${step.path} to ${step.target}`
    case 'pivot-root':
      return 'change the root (pivot_root)'
    case 'chroot':
      return 'change the root (chroot)'
    case 'write':
      return `write /${step.path}`
    case 'hostname':
      return `set the host name to ${step.name}`
    case 'user':
      return `become user ${step.user}`
    case 'no-new-privs':
      return 'set no_new_privs'
    case 'chdir':
      return `go to the working directory ${step.path}`
    case 'init':
      return "start the app's init"
    case 'exec':
      return `exec ${step.argv[0] ?? ''}`
    case 'exit':
      return 'end'
  }
}

function limitName(resource: number): string {
  return Object.entries(Rlimit).find(([, value]) => value === resource)?.[0] ?? `${resource}`
}

/** What an errno means at this very step, where that says more than the kernel's own words. */
function hints(step: Step, code: string): string | undefined {
  const path = 'path' in step ? step.path : 'target' in step ? step.target : ''
  switch (step.op) {
    case 'exec':
      return execHint(step.argv[0] ?? '', code)
    case 'user':
      return userHint(step.user, code)
    case 'cgroup':
      return { ENOENT: 'there is no such cgroup' }[code]
    case 'enter-mount-namespace':
    case 'enter-directory':
      return { ENOENT: 'the generation is gone', ELOOP: 'it is a symbolic link' }[code]
    case 'device':
      return deviceHint(path, code) ?? placeHint(path, code)
    case 'mount':
      return code === 'ENODEV' ? 'this kernel has no such file system' : placeHint(path, code)
    case 'symlink':
    case 'write':
      return placeHint(path, code)
    case 'pivot-root':
      return { EINVAL: "the node's root is an initramfs, which can't be pivoted away" }[code]
    case 'chdir':
      return { ENOENT: 'no such directory in the image' }[code]
    case 'rlimit':
    case 'oom-score-adj':
    case 'setsid':
    case 'chroot':
    case 'hostname':
    case 'no-new-privs':
    case 'init':
    case 'exit':
      return undefined
  }
}

function execHint(program: string, code: string): string | undefined {
  const missing = program.includes('/')
    ? 'no such file; is its interpreter in the image?'
    : 'no such program in PATH'
  return {
    ENOENT: missing,
    EACCES: "permission denied; is it executable for the image's user?",
    ENOEXEC: "not a program for this kernel; a script's first line must be #! and its interpreter",
    ENOTDIR: 'a part of its path is a file, not a directory',
    E2BIG: 'its arguments and environment are too long',
  }[code]
}

function userHint(words: string, code: string): string | undefined {
  const [user = '', group = ''] = words.split(':')
  return {
    ENOENT: `no user ${user} in the image's /etc/passwd`,
    ESRCH: `no group ${group} in the image's /etc/group`,
    EFBIG: "the image's /etc/passwd or /etc/group is over 1 MiB",
    E2BIG: 'the user is in over 1,024 groups',
    EINVAL: 'not a user, or not one of this user namespace',
  }[code]
}

/** Where mknod is refused, and so is a bind of the node's own device, a hard link is what is left. */
function deviceHint(path: string, code: string): string | undefined {
  return {
    ENOENT: `the node may make no devices, and has no /${path} to lend`,
    ENODEV: `the node may make no devices, and its own /${path} is not this device`,
    EXDEV: `the node may neither make devices nor mount its own, and /dev is not on the file system of /chroots`,
  }[code]
}

function placeHint(path: string, code: string): string | undefined {
  return {
    ELOOP: `/${path} or a directory above it is a symbolic link in the image, and must be a directory`,
    ENOTDIR: `/${path} or a directory above it is a file in the image, and must be a directory`,
    EISDIR: `/${path} is a directory in the image, and is replaced by the node`,
    ENOSPC: "the node's disk is full",
  }[code]
}
