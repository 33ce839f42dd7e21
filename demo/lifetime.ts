// When a program in a terminal shall end: Ctrl-C, a hang-up, or the end of what started it (make).

const PARENT_POLL_MS = 500

/** Aborts, with the reason as a word, once we shall end; a second Ctrl-C ends us at once. */
export function endOfLife(): AbortSignal {
  const controller = new AbortController()
  const end = (reason: string) => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort(reason)
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => end(name))
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    end('the end of the parent process')
  }, PARENT_POLL_MS)
  timer.unref()
  return controller.signal
}

/** Resolves with the reason; keeps the process alive until then. */
export async function ended(signal: AbortSignal): Promise<string> {
  const alive = setInterval(() => undefined, 2 ** 30)
  try {
    return await new Promise<string>((resolve) => {
      if (signal.aborted) resolve(String(signal.reason))
      signal.addEventListener('abort', () => resolve(String(signal.reason)))
    })
  } finally {
    clearInterval(alive)
  }
}
