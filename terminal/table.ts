// Aligned columns for a terminal or a pipe.

export interface Cell {
  text: string
  /** Colours the text after it has been padded, so that escapes do not count as width. */
  paint?: (text: string) => string
}

/** Left-aligned columns two spaces apart; the last one is not padded. One line a row. */
export function formatTable(rows: readonly (readonly Cell[])[]): string {
  const clean = rows.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })))
  const widths: number[] = []
  for (const row of clean) {
    row.forEach(({ text }, i) => (widths[i] = Math.max(widths[i] ?? 0, text.length)))
  }
  return clean.map((row) => `${formatRow(row, widths)}\n`).join('')
}

function formatRow(row: readonly Cell[], widths: readonly number[]): string {
  const cells = row.map(({ text, paint = (plain) => plain }, i) => {
    const padding = i === row.length - 1 ? 0 : (widths[i] ?? 0) - text.length
    return paint(text) + ' '.repeat(padding)
  })
  return cells.join('  ')
}

/** An image's own words, such as its version, must not move the operator's cursor. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
