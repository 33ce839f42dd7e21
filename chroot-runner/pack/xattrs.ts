// Extended attributes of an open file, for a restore.
import type { Native } from '../../sys/native.ts'

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of <linux/limits.h>. */
const BYTES_MAX = 65_536
const buffer = Buffer.allocUnsafeSlow(BYTES_MAX)

/** A machine's own: labels of its policy, sums of its keys, and what only its root may see. */
const NOT_OURS = /^(security\.(selinux|ima|evm|SMACK64.*|apparmor)|trusted\..*|system\..*)$/

/** None where the file system has none, or the right to read them is missing. */
export function readXattrs(
  native: Pick<Native, 'flistxattr' | 'fgetxattr'>,
  fd: number,
): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>()
  const length = native.flistxattr(fd, buffer)
  const names = buffer.toString('utf8', 0, Math.max(0, length)).split('\0')
  for (const name of names.filter((one) => one !== '' && !NOT_OURS.test(one))) {
    const size = native.fgetxattr(fd, name, buffer)
    if (size >= 0) xattrs.set(name, Buffer.from(buffer.subarray(0, size)))
  }
  return xattrs
}
