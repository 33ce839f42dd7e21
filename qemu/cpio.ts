// Writes a cpio archive in the newc format, which the kernel unpacks as an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst).

export interface CpioEntry {
  path: string
  /** File type and permission bits, as in st_mode. */
  mode: number
  data?: Uint8Array
  /** Major and minor number of a device. */
  device?: readonly [number, number]
}

export const Mode = { directory: 0o040755, executable: 0o100755, file: 0o100644 } as const
export const CHARACTER_DEVICE = 0o020600

const pad = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4)

function record(entry: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${entry.path}\0`)
  const data = Buffer.from(entry.data ?? [])
  const [major, minor] = entry.device ?? [0, 0]
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, entry.mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0]
  const header = `070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`
  const head = Buffer.concat([Buffer.from(header), name])
  return Buffer.concat([head, pad(head.length), data, pad(data.length)])
}

/** The archive: the entries in their order (a directory before what is in it) and the trailer. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const records = entries.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...records, record({ path: 'TRAILER!!!', mode: 0 }, 0)])
}
