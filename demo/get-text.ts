// The body of an HTTP answer that must be a 200.
const ANSWER_MS_MAX = 5000

export async function getText(url: string): Promise<string> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
  if (reply.status !== 200) throw new Error(`${url}: HTTP ${reply.status}`)
  return reply.text()
}
