// The old system's fstab(5): what a purge must not take for userland. It leaves more than init/fstab mounts: a
// line that this can't use, or one too many for it, may still name what is to stay.

export interface FstabEntry {
  source: string
  target: string
  fstype: string
  options: readonly string[]
}

export function parseFstab(text: string): FstabEntry[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(unescape))
    .filter(([source = '']) => source !== '' && !source.startsWith('#'))
    .map(([source = '', target = '', fstype = '', options = '']) => ({
      ...{ source, target, fstype },
      options: options.split(','),
    }))
}

/** Spaces and the like are written in octal. */
const unescape = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))

/** On the disks of this machine, and not a part of another file system. */
export function isOwnFileSystem({ source, options }: FstabEntry): boolean {
  return (
    /^(\/dev\/|(UUID|LABEL|PARTUUID|PARTLABEL)=)/.test(source) &&
    !options.some((option) => /^r?bind$/.test(option))
  )
}

/** Mount points, swap files, and what else of the disk it names: images of file systems, sources of binds. */
export function pathsIn(entries: readonly FstabEntry[]): string[] {
  return entries
    .flatMap(({ source, target }) => [source, target])
    .filter((path) => path.startsWith('/') && path !== '/' && !path.startsWith('/dev/'))
}
