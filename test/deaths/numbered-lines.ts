// Checks that an app's numbered lines are all in its log, in order, each once.

const NUMBERED = /^\S+ stdout F number (\d+)$/

/**
 * How many there are, from the text of its log files. Each start of the app begins with number 1 anew; the
 * oldest lines may have been rotated away. Throws with the first line that is missing, doubled or torn.
 */
export function countNumberedLines(text: string): number {
  let count = 0
  let last: number | null = null
  for (const line of text.split('\n')) {
    if (line === '' || line.endsWith(' listening')) continue
    const number = Number(NUMBERED.exec(line)?.[1] ?? NaN)
    if (last !== null && number !== last + 1 && number !== 1)
      throw new Error(`after number ${last} of the log: ${JSON.stringify(line.slice(0, 200))}`)
    if (Number.isNaN(number)) throw new Error(`no numbered line: ${line.slice(0, 200)}`)
    last = number
    count++
  }
  return count
}
