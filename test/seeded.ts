// Chance that can be told again: everything random in a test comes from one printed seed.

/** mulberry32: a small generator whose whole state is the seed. Gives numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed that the environment variable `name` asks for, else this one, else a new one. */
export function chooseSeed(name: string, otherwise = Date.now() % 2 ** 32): number {
  return Number(process.env[name] ?? otherwise)
}

export function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('BUG: nothing to pick from')
  return item
}

/** A new array with the items in random order (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items]
  const result: T[] = []
  while (left.length > 0) result.push(...left.splice(Math.floor(random() * left.length), 1))
  return result
}
