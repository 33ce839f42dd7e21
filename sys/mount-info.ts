// What is mounted (proc_pid_mountinfo(5)).

export interface MountEntry {
  target: string
  fstype: string
  /** MAJOR:MINOR; 0:N where no block device is behind it. */
  device: string
  /** The directory of the file system that is seen at `target`. */
  root: string
  /** What was mounted, as it was named then: /dev/sda1, /dev/root, tmpfs. */
  source: string
}

/** In the order of mounting; of two at one place, the later is the visible one. */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , device = '', root = '', target = ''] = before.split(' ')
      const [fstype = '', source = ''] = after.split(' ')
      return {
        target: unescapeOctal(target),
        fstype,
        device,
        root: unescapeOctal(root),
        source: unescapeOctal(source),
      }
    })
}

/** Space, tab, newline and backslash are written in octal. */
export const unescapeOctal = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
