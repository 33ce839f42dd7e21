// Turns repeated measurements into the one number that the table shows.

/** The middle value; of an even count, the mean of the two in the middle. Throws on an empty list. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)]
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  if (high === undefined || low === undefined) throw new Error('BUG: no samples')
  return (low + high) / 2
}

/** Half the distance between the smallest and the largest sample, as a share of the median. */
export function spread(samples: readonly number[]): number {
  const middle = median(samples)
  return middle === 0 ? 0 : (Math.max(...samples) - Math.min(...samples)) / 2 / middle
}
