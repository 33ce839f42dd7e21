// What is mounted (proc_pid_mountinfo(5)).

export interface MountEntry {
  target: string
  fstype: string
}

/** In the order of mounting; of two at one place, the later is the visible one. */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      return { target: unescape(before.split(' ')[4] ?? ''), fstype: after.split(' ')[0] ?? '' }
    })
}

/** Space, tab, newline and backslash are written in octal. */
const unescape = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
