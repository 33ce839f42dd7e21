// Every number in sys/ equals the C header's.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { LINE_BYTES_MAX } from '../../init/logs/line-splitter.ts'
import { CAPABILITIES } from '../../sys/capabilities.ts'
import { FIFREEZE, FITHAW } from '../../sys/freeze.ts'
import { CHILDREN_MAX, Ending, LIFE_LAYOUT, NOTE_BYTES_MAX, Upgrade } from '../../sys/life.ts'
import { MountFlag, UmountFlag } from '../../sys/mount.ts'
import { Fcntl, O_NONBLOCK } from '../../sys/pipe.ts'
import { Namespace } from '../../sys/process.ts'
import { KEXEC_NO_INITRAMFS } from '../../sys/kexec.ts'
import { MODULE_COMPRESSED, RebootCommand } from '../../sys/reboot.ts'
import { Rlimit, UNLIMITED } from '../../sys/rlimit.ts'
import { SIGRTMAX, SIGRTMIN, signalNumber } from '../../sys/signals.ts'
import { AddressFamily, SocketOption, SocketType, SOL_SOCKET } from '../../sys/socket.ts'
import { SwapFlag, SWAP_PRIORITY_MAX } from '../../sys/swap.ts'
import { compileC, scratch } from './build-addon.ts'

const place = scratch('constants')
afterAll(() => place.remove())

type Names<T> = Record<keyof T, string>

const mountFlags: Names<typeof MountFlag> = {
  readOnly: 'MS_RDONLY',
  noSuid: 'MS_NOSUID',
  noDev: 'MS_NODEV',
  noExec: 'MS_NOEXEC',
  synchronous: 'MS_SYNCHRONOUS',
  remount: 'MS_REMOUNT',
  dirSync: 'MS_DIRSYNC',
  noAtime: 'MS_NOATIME',
  noDirAtime: 'MS_NODIRATIME',
  bind: 'MS_BIND',
  move: 'MS_MOVE',
  recursive: 'MS_REC',
  private: 'MS_PRIVATE',
  slave: 'MS_SLAVE',
  relAtime: 'MS_RELATIME',
  strictAtime: 'MS_STRICTATIME',
  // Of <linux/mount.h>; an older C library does not name it.
  lazyTime: '(1L << 25)',
}
const umountFlags: Names<typeof UmountFlag> = {
  force: 'MNT_FORCE',
  detach: 'MNT_DETACH',
  expire: 'MNT_EXPIRE',
  noFollow: 'UMOUNT_NOFOLLOW',
}
const namespaces: Names<typeof Namespace> = {
  mount: 'CLONE_NEWNS',
  cgroup: 'CLONE_NEWCGROUP',
  uts: 'CLONE_NEWUTS',
  ipc: 'CLONE_NEWIPC',
  user: 'CLONE_NEWUSER',
  pid: 'CLONE_NEWPID',
  net: 'CLONE_NEWNET',
}
const rebootCommands: Names<typeof RebootCommand> = {
  restart: 'LINUX_REBOOT_CMD_RESTART',
  halt: 'LINUX_REBOOT_CMD_HALT',
  powerOff: 'LINUX_REBOOT_CMD_POWER_OFF',
  kexec: 'LINUX_REBOOT_CMD_KEXEC',
  ctrlAltDelOff: 'LINUX_REBOOT_CMD_CAD_OFF',
  ctrlAltDelOn: 'LINUX_REBOOT_CMD_CAD_ON',
}
const fcntls: Names<typeof Fcntl> = {
  getDescriptorFlags: 'F_GETFD',
  setDescriptorFlags: 'F_SETFD',
  getStatusFlags: 'F_GETFL',
  setStatusFlags: 'F_SETFL',
  setPipeSize: 'F_SETPIPE_SZ',
  getPipeSize: 'F_GETPIPE_SZ',
}
const families: Names<typeof AddressFamily> = {
  unix: 'AF_UNIX',
  inet: 'AF_INET',
  inet6: 'AF_INET6',
  netlink: 'AF_NETLINK',
  packet: 'AF_PACKET',
}
const socketTypes: Names<typeof SocketType> = {
  stream: 'SOCK_STREAM',
  datagram: 'SOCK_DGRAM',
  raw: 'SOCK_RAW',
}
const socketOptions: Names<typeof SocketOption> = {
  reuseAddress: 'SO_REUSEADDR',
  broadcast: 'SO_BROADCAST',
  receiveBuffer: 'SO_RCVBUF',
  bindToDevice: 'SO_BINDTODEVICE',
  attachFilter: 'SO_ATTACH_FILTER',
}

/** C names beside our values. */
function paired<T extends Record<string, number>>(ours: T, names: Names<T>): [string, number][] {
  return Object.entries(ours).map(([key, value]) => [names[key] ?? key, value])
}

/** An entry of a list whose place is its number. */
const capabilities = CAPABILITIES.map((name, number): [string, number] => [`CAP_${name}`, number])
const rlimits = Object.entries(Rlimit).map(([name, value]): [string, number] => [
  `RLIMIT_${name.toUpperCase()}`,
  value,
])
const signals = ['SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGINT', 'SIGPWR', 'SIGCHLD', 'SIGUSR2'].map(
  (name): [string, number] => [name, signalNumber(name) ?? -1],
)

const endings: Names<typeof Ending> = {
  runs: 'LIFE_RUNS',
  'power-off': 'LIFE_POWERS_OFF',
  reboot: 'LIFE_REBOOTS',
}
const upgrades: Names<typeof Upgrade> = {
  none: 'LIFE_NO_UPGRADE',
  trial: 'LIFE_TRIAL',
  confirmed: 'LIFE_CONFIRMED',
  wentBack: 'LIFE_WENT_BACK',
}

const all: [string, number][] = [
  ...paired(MountFlag, mountFlags),
  ...paired(UmountFlag, umountFlags),
  ...paired(Namespace, namespaces),
  ...paired(RebootCommand, rebootCommands),
  ...paired(Fcntl, fcntls),
  ...paired(AddressFamily, families),
  ...paired(SocketType, socketTypes),
  ...paired(SocketOption, socketOptions),
  ...paired(Ending, endings),
  ...paired(Upgrade, upgrades),
  ...paired(SwapFlag, {
    ...{ prefer: 'SWAP_FLAG_PREFER', discard: 'SWAP_FLAG_DISCARD' },
    // Of the kernel's own include/linux/swap.h alone.
    discardPages: '0x40000',
  }),
  ['SWAP_FLAG_PRIO_MASK', SWAP_PRIORITY_MAX],
  ['MODULE_INIT_COMPRESSED_FILE', MODULE_COMPRESSED],
  ['FIFREEZE', FIFREEZE],
  ['FITHAW', FITHAW],
  ['KEXEC_FILE_NO_INITRAMFS', KEXEC_NO_INITRAMFS],
  ['LIFE_LAYOUT', LIFE_LAYOUT],
  ['LIFE_CHILDREN', CHILDREN_MAX],
  ['LIFE_NOTE_SIZE', NOTE_BYTES_MAX + 4],
  ['LIFE_REST_SIZE', LINE_BYTES_MAX],
  ...capabilities,
  ...rlimits,
  ...signals,
  ['SIGRTMIN', SIGRTMIN],
  ['SIGRTMAX', SIGRTMAX],
  ['SOL_SOCKET', SOL_SOCKET],
  ['O_NONBLOCK', O_NONBLOCK],
  ['CAP_LAST_CAP', CAPABILITIES.length - 1],
]

const HEADERS = [
  'fcntl.h',
  'linux/capability.h',
  'linux/fs.h',
  'linux/kexec.h',
  'linux/limits.h',
  'linux/module.h',
  'linux/reboot.h',
  'sched.h',
  'signal.h',
  'stdio.h',
  'sys/mount.h',
  'sys/resource.h',
  'sys/socket.h',
  'sys/swap.h',
]

test('every constant is the header’s', () => {
  const life = join(import.meta.dirname, '../../native/life.h')
  const system = HEADERS.map((header) => `#include <${header}>`)
  const includes = [...system, `#include "${life}"`].join('\n')
  const prints = all.map(([name]) => `printf("${name} %lld\\n", (long long)${name});`).join('\n')
  const source = `#define _GNU_SOURCE\n${includes}\nint main(void) {\n${prints}\nreturn 0; }\n`
  const program = compileC(place.dir, 'constants', source, [])
  const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
  expect(all.map(([name, value]) => `${name} ${value}`)).toEqual(lines)
})

test('unlimited is the header’s RLIM_INFINITY as a signed number', () => {
  const source = `#include <stdio.h>
#include <sys/resource.h>
int main(void) { printf("%lld", (long long)RLIM_INFINITY); return 0; }`
  const program = compileC(place.dir, 'unlimited', source, [])
  expect(execFileSync(program, { encoding: 'utf8' })).toBe(`${UNLIMITED}`)
})
