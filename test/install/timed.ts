// How long the steps of an installation take, told line by line.

export type Report = (line: string) => void

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export async function timed<T>(report: Report, what: string, act: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await act()
  report(`${what}: ${seconds(performance.now() - begun)}`)
  return result
}
