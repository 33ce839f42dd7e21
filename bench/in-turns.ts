// Takes samples from both sides alternately, so that a busy minute of the machine hits both.

export type Measure = () => Promise<number>

/** Calls every measure once a round, in their order; the samples of each. */
export async function inTurns<T extends readonly Measure[]>(
  rounds: number,
  measures: T,
): Promise<{ [K in keyof T]: number[] }> {
  const samples = measures.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, measure] of measures.entries()) samples[index]?.push(await measure())
  }
  return samples as { [K in keyof T]: number[] }
}
