// Sends one image to a node and yields the node's progress.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Progress } from '../protocol/api.ts'
import { progress } from '../protocol/wire.ts'
import { TIMEOUTS, type NodeClient } from './client.ts'
import { CloudError, ExitCode } from './errors.ts'
import type { ImageFile } from './image-file.ts'

export interface PushListener {
  hashing(bytes: number): void
  sending(bytes: number): void
}

/** How long to wait for 100 Continue before sending anyway, as RFC 9110 (10.1.1) asks. */
const CONTINUE_MS = 3_000

/**
 * Pushes `image` as the app `name`. The last event is `running` or `error`. Throws CloudError when the node
 * refuses, the connection breaks, or the file changes; then nothing has changed on the node.
 */
export async function* push(
  client: NodeClient,
  name: string,
  image: ImageFile,
  listener: PushListener,
): AsyncGenerator<Progress> {
  const sha256 = await image.digest((bytes) => listener.hashing(bytes))
  const request = client.open('PUT', `/v1/apps/${name}`, {
    'content-type': 'application/octet-stream',
    'content-length': image.bytes,
    'repr-digest': `sha-256=:${sha256.toString('base64')}:`,
    expect: '100-continue',
  })
  const upload = new Upload(request, image, listener)
  try {
    const response = await Promise.race([
      client.answerOf(request, TIMEOUTS.silentMs),
      upload.failure,
    ])
    yield* untilLast(client.lines(response, progress), upload)
  } finally {
    request.destroy()
  }
}

/** The sending half: begins when the node asks for the body, and is forgotten when it answers instead. */
class Upload {
  /** Rejects when this side fails; a broken connection is told by the answer, or by its absence. */
  readonly failure: Promise<never>

  constructor(request: ClientRequest, image: ImageFile, listener: PushListener) {
    this.failure = this.#run(request, image, listener)
    this.failure.catch(() => undefined)
  }

  async #run(request: ClientRequest, image: ImageFile, listener: PushListener): Promise<never> {
    if (await invited(request)) {
      try {
        await pipeline(
          image.content((bytes) => listener.sending(bytes)),
          request,
        )
      } catch (error) {
        if (error instanceof CloudError) throw error
      }
    }
    return new Promise<never>(() => undefined)
  }
}

/** True when the body is to be sent, false when the answer came first. */
function invited(request: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), CONTINUE_MS)
    const settle = (send: boolean): void => {
      clearTimeout(timer)
      resolve(send)
    }
    request.once('continue', () => settle(true))
    request.once('response', ({ statusCode = 0 }: IncomingMessage) => settle(statusCode < 300))
    request.once('close', () => settle(false))
    request.flushHeaders()
  })
}

/** Events that only a newer node knows are left out. */
async function* untilLast(
  events: AsyncGenerator<Progress | null>,
  upload?: Upload,
): AsyncGenerator<Progress> {
  for (;;) {
    const next = await Promise.race([events.next(), ...(upload ? [upload.failure] : [])])
    if (next.done === true) break
    if (next.value === null) continue
    yield next.value
    if (next.value.event === 'running' || next.value.event === 'error') return
  }
  throw new CloudError(
    ExitCode.unreachable,
    'unreachable',
    'The connection ended before the outcome was known; look with `cloud ps` what has happened.',
  )
}

/** The progress of a rollback; like push(). */
export function rollback(client: NodeClient, name: string): AsyncGenerator<Progress> {
  return untilLast(client.stream('POST', `/v1/apps/${name}/rollback`, progress))
}
