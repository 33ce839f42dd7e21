// The benchmark's table: measures side by side with a peer, the ratio, and who is ahead.
import { median, spread } from './statistics.ts'

export type Unit = 'ms' | 'bytes'

/** One measure. Less is better in every one; samples are in `unit`, at least one a side. */
export interface Row {
  measure: string
  unit: Unit
  ours: readonly number[]
  peer: string
  theirs: readonly number[]
}

export type Verdict = 'ahead' | 'level' | 'LOSES'

export interface Comparison {
  /** The peer's median divided by ours: above 1 we need less. */
  ratio: number
  verdict: Verdict
}

/** Closer than this is level. */
const LEVEL_SHARE = 0.05

/** Level too is what the samples can't tell apart: one side's median lies among the other's samples. */
export function compare({ ours, theirs }: Pick<Row, 'ours' | 'theirs'>): Comparison {
  const ratio = median(theirs) / median(ours)
  const close = ratio > 1 - LEVEL_SHARE && ratio < 1 + LEVEL_SHARE
  if (close || isAmong(median(ours), theirs) || isAmong(median(theirs), ours)) {
    return { ratio, verdict: 'level' }
  }
  return { ratio, verdict: ratio > 1 ? 'ahead' : 'LOSES' }
}

const isAmong = (value: number, samples: readonly number[]): boolean =>
  value >= Math.min(...samples) && value <= Math.max(...samples)

/** `1.25 s`, `87 ms` or `41.3 MB` (10^6 bytes). */
export function format(value: number, unit: Unit): string {
  if (unit === 'bytes') return `${(value / 1e6).toFixed(1)} MB`
  return value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`
}

/** The median, with its spread when there is more than one sample. */
function cell(samples: readonly number[], unit: Unit): string {
  const text = format(median(samples), unit)
  return samples.length === 1 ? text : `${text} ±${(spread(samples) * 100).toFixed(0)}%`
}

const HEADINGS = ['', 'solocloud', 'peer', '', 'ratio', ''] as const
/** Numbers are aligned at their right, words at their left. */
const NUMERIC = [false, true, true, false, true, false] as const

function cells(row: Row): string[] {
  const { ratio, verdict } = compare(row)
  const numbers = [cell(row.ours, row.unit), cell(row.theirs, row.unit)]
  return [row.measure, ...numbers, row.peer, `${ratio.toFixed(2)}x`, verdict]
}

/** The table for a terminal. */
export function textTable(rows: readonly Row[]): string {
  const lines = [[...HEADINGS], ...rows.map(cells)]
  const widths = HEADINGS.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  )
  const pad = (text: string, column: number) =>
    NUMERIC[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

/** The same table in Markdown, for the README; a loss is bold. */
export function markdownTable(rows: readonly Row[]): string {
  const line = (words: readonly string[]) => `| ${words.join(' | ')} |`
  const rule = NUMERIC.map((numeric) => (numeric ? '---:' : '---'))
  const body = rows.map((row) => {
    const bold = compare(row).verdict === 'LOSES'
    return line(cells(row).map((text, column) => (bold && column >= 4 ? `**${text}**` : text)))
  })
  return [line(HEADINGS), line(rule), ...body].join('\n')
}
