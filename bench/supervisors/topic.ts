// A table of one topic: programs side by side, each number with its ratio to ours.
import { median } from '../statistics.ts'

export interface Column {
  heading: string
  /** The number with its unit. */
  format: (value: number) => string
}

export interface Line {
  program: string
  /** One a column: the samples, or words where there is nothing to count. */
  cells: readonly (readonly number[] | string)[]
}

export interface Topic {
  title: string
  columns: readonly Column[]
  lines: readonly Line[]
  /** What a reader must know to judge it. */
  notes: readonly string[]
}

/** The smallest sample that is not below `share` of them. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('BUG: no samples')
  return value
}

/** `2.50x`: theirs over ours; nothing for ours itself and beside a zero. */
function ratio(theirs: number, ours: number | null): string {
  if (ours === null || ours === 0) return ''
  const value = theirs / ours
  return ` (${value < 10 ? value.toFixed(2) : value.toFixed(0)}x)`
}

/** Rows of texts, the headings first. `ours` names the program that the others are measured by. */
export function topicCells({ columns, lines }: Topic, ours: string): string[][] {
  const own = lines.find(({ program }) => program === ours)
  const rows = lines.map(({ program, cells }) => [
    program,
    ...columns.map(({ format }, index) => {
      const samples = cells[index] ?? ''
      if (typeof samples === 'string') return samples
      const base = own?.cells[index]
      const compared = program === ours || base === undefined || typeof base === 'string'
      const value = median(samples)
      return `${format(value)}${ratio(value, compared ? null : median(base))}`
    }),
  ])
  return [['', ...columns.map(({ heading }) => heading)], ...rows]
}

/** For a terminal. */
export function topicText(topic: Topic, ours: string): string {
  const rows = topicCells(topic, ours)
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [topic.title, ...rows.map(line), ...topic.notes].join('\n')
}

/** For the README. */
export function topicMarkdown(topic: Topic, ours: string): string {
  const [headings = [], ...rows] = topicCells(topic, ours)
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`
  const rule = line(headings.map(() => '---'))
  const table = [line(headings), rule, ...rows.map(line)].join('\n')
  return [`**${topic.title}**`, table, topic.notes.join('\n')].join('\n\n')
}
