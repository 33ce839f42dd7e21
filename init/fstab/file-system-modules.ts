// The kernel modules that a file system needs, in the names by which the kernel itself would ask modprobe.

/** What a vfat's names are written in, unless its options say: one of them is the kernel's default. */
const CHARACTER_SETS = ['nls_cp437', 'nls_ascii', 'nls_iso8859_1', 'nls_utf8']

/** Aliases and names; none for what the kernel has (`filesystems`: /proc/filesystems) and that needs no more. */
export function fileSystemModules(fstype: string, data: string, filesystems: string): string[] {
  const known = filesystems.split('\n').some((line) => line.split('\t')[1] === fstype)
  const names = known ? [] : [`fs-${fstype}`]
  if (fstype !== 'vfat' && fstype !== 'msdos') return names
  const asked = [...data.matchAll(/(?:^|,)(?:iocharset=([\w-]+)|codepage=(\d+))/g)].map(
    ([, charset, page]) => `nls_${charset ?? `cp${page}`}`,
  )
  return [...names, ...new Set([...CHARACTER_SETS, ...asked])]
}
