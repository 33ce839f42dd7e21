// The kernel's last words from the records that pstore keeps (Documentation/admin-guide/pstore-blk.rst,
// fs/pstore/platform.c): a dump is cut into parts, the newest lines in part 1, each under a line like "Panic#1 Part1".

/** Of the text that is kept. */
export const PANIC_BYTES_MAX = 4096

interface Part {
  reason: string
  /** Of the dump, which tells the parts of one from those of another. */
  count: number
  part: number
  text: string
}

const HEADER = /^([A-Za-z ]+)#(\d+) Part(\d+)\n/
const BEGINNING = /Kernel panic|Oops/

/**
 * 4 KiB of the dump that tells most: a panic, else the last one. From the line with 'Kernel panic' or 'Oops' on,
 * as the reason stands there and the deeper calls after it; without such a line, the last. null without records.
 */
export function panicText(records: readonly string[]): string | null {
  const parts = records.map(parsePart)
  const chosen = parts.findLast(({ reason }) => reason === 'Panic') ?? parts.at(-1)
  if (chosen === undefined) return null
  const dump = parts
    .filter(({ reason, count }) => reason === chosen.reason && count === chosen.count)
    .sort((one, other) => other.part - one.part)
    .map(({ text }) => text)
    .join('')
  const at = dump.search(BEGINNING)
  const bytes = Buffer.from(at < 0 ? dump : dump.slice(dump.lastIndexOf('\n', at) + 1))
  const start = at < 0 ? Math.max(0, bytes.length - PANIC_BYTES_MAX) : 0
  return bytes.subarray(start, start + PANIC_BYTES_MAX).toString()
}

function parsePart(record: string): Part {
  const [header = '', reason = '', count = '0', part = '1'] = HEADER.exec(record) ?? []
  return { reason, count: Number(count), part: Number(part), text: record.slice(header.length) }
}
