// Reads fstab(5): what is to be mounted where, and the words that say how.

export interface FstabEntry {
  /** Counted from 1. */
  line: number
  /** As written: /dev/vda2, UUID=..., /swapfile. */
  source: string
  target: string
  fstype: string
  options: readonly string[]
}

export interface Fstab {
  entries: FstabEntry[]
  /** Lines that say nothing, one sentence each. */
  problems: string[]
}

export const FSTAB_BYTES_MAX = 64 * 1024
const ENTRIES_MAX = 256

export function parseFstab(text: string): Fstab {
  const entries: FstabEntry[] = []
  const problems: string[] = []
  for (const [index, content] of text.split('\n').entries()) {
    const words = content.split(/[ \t\r]+/).filter((word) => word !== '')
    if (words[0] === undefined || words[0].startsWith('#')) continue
    const line = index + 1
    const [source = '', target = '', fstype = '', options = 'defaults'] = words.map(unescape)
    if (fstype === '') {
      problems.push(`line ${line} names no file system type`)
    } else if (entries.length === ENTRIES_MAX) {
      problems.push(`what follows line ${line - 1} is too much`)
      break
    } else {
      entries.push({ line, source, target, fstype, options: splitOptions(options) })
    }
  }
  return { entries, problems }
}

/** At commas outside of quotes: SELinux contexts have commas of their own. */
const splitOptions = (options: string): string[] =>
  (options.match(/(?:[^,"]|"[^"]*"?)+/g) ?? []).map((word) => word.trim())

/** Space, tab, newline and backslash are written in octal, byte by byte. */
function unescape(field: string): string {
  const bytes = Buffer.from(field).toString('latin1')
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8) & 0xff),
  )
  return Buffer.from(plain, 'latin1').toString()
}
