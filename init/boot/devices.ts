// The standard nodes and links of a /dev that the kernel does not fill.
import type { Native } from '../../sys/native.ts'
import { mount } from '../../sys/mount.ts'
import { check, SysError } from '../../sys/sys-error.ts'
import type { BootFiles } from './boot-files.ts'

interface Device {
  name: string
  major: number
  minor: number
  mode: number
}

/** Numbers from the kernel's admin-guide/devices.txt. */
const DEVICES: readonly Device[] = [
  { name: 'null', major: 1, minor: 3, mode: 0o666 },
  { name: 'zero', major: 1, minor: 5, mode: 0o666 },
  { name: 'full', major: 1, minor: 7, mode: 0o666 },
  { name: 'random', major: 1, minor: 8, mode: 0o666 },
  { name: 'urandom', major: 1, minor: 9, mode: 0o666 },
  { name: 'tty', major: 5, minor: 0, mode: 0o666 },
]
/** In a container it is the host's. */
const CONSOLE: Device = { name: 'console', major: 5, minor: 1, mode: 0o600 }

const LINKS = [
  ['/proc/self/fd', 'fd'],
  ['/proc/self/fd/0', 'stdin'],
  ['/proc/self/fd/1', 'stdout'],
  ['/proc/self/fd/2', 'stderr'],
] as const

const S_IFCHR = 0o020000

/** Descriptors of the nodes that the old /dev has: the only ones there are where mknod is refused. */
export function holdDevices(files: BootFiles): Map<string, number> {
  const held = new Map<string, number>()
  for (const { name } of DEVICES) {
    try {
      held.set(name, files.hold(`/dev/${name}`))
    } catch {
      // Not there, so nothing to keep.
    }
  }
  return held
}

/** Fills a fresh tmpfs on /dev; the names of the devices that are missing in the end. */
export function makeDevices(
  native: Native,
  files: BootFiles,
  held: ReadonlyMap<string, number>,
): string[] {
  const missing = wanted(native).filter((device) => !makeDevice(native, files, device, held))
  files.symlink('pts/ptmx', '/dev/ptmx')
  return missing.map(({ name }) => name)
}

const wanted = (native: Native): readonly Device[] =>
  native.ownsMachine() === 1 ? [...DEVICES, CONSOLE] : DEVICES

/** Adds what a /dev lacks that is not ours to replace; the names of the devices that are missing in the end. */
export function makeMissingDevices(native: Native, files: BootFiles): string[] {
  const missing = wanted(native).filter((device) => {
    const path = `/dev/${device.name}`
    if (files.isDevice(path)) return false
    try {
      // Whoever writes to a /dev/null that is not there leaves a file in its place.
      files.remove(path)
    } catch {
      // Not there, or not ours to remove.
    }
    return !makeDevice(native, files, device, new Map())
  })
  return missing.map(({ name }) => name)
}

function makeDevice(
  native: Native,
  files: BootFiles,
  { name, major, minor, mode }: Device,
  held: ReadonlyMap<string, number>,
): boolean {
  const path = `/dev/${name}`
  try {
    check(native.mknod(path, S_IFCHR | mode, major, minor), 'mknod', path)
    // The umask has had its say at mknod.
    files.chmod(path, mode)
    return true
  } catch (error) {
    const old = held.get(name)
    if (!(error instanceof SysError) || old === undefined) return false
    return bindDevice(native, files, `/proc/self/fd/${old}`, path)
  }
}

function bindDevice(native: Native, files: BootFiles, source: string, target: string): boolean {
  try {
    files.create(target)
    mount(native, { source, target, fstype: '', flags: ['bind'], data: '' })
    return true
  } catch {
    return false
  }
}

/** Neither devtmpfs nor ours has these. A link that exists stays. */
export function makeDeviceLinks(files: BootFiles): void {
  for (const [target, name] of LINKS) {
    try {
      files.symlink(target, `/dev/${name}`)
    } catch {
      // It exists, or /dev is not ours to change; nothing of PID 1 needs them.
    }
  }
}
