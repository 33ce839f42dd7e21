// Choosing by name among what there is.
/**
 * Those of `all` with these names, in this order; all when there are none. Throws a sentence about an unknown one, in
 * which `what` says what they are.
 */
export function chosenOf<T>(
  what: string,
  all: Readonly<Record<string, T>>,
  names: readonly string[],
): [name: string, value: T][] {
  if (names.length === 0) return Object.entries(all)
  return names.map((name) => {
    const value = all[name]
    if (value === undefined)
      throw new Error(`no ${what} ${name}; there are ${Object.keys(all).join(', ')}`)
    return [name, value]
  })
}
