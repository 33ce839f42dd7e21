// Sends one file to a node and yields the node's progress.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Progress } from '../protocol/api.ts'
import type { Decoder } from '../protocol/decode.ts'
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
export function push(
  client: NodeClient,
  name: string,
  image: ImageFile,
  listener: PushListener,
): AsyncGenerator<Progress> {
  return sendFile(client, `/v1/apps/${name}`, image, listener, APP_STORY)
}

/** The progress of a rollback; like push(). */
export function rollback(client: NodeClient, name: string): AsyncGenerator<Progress> {
  return askStory(client, `/v1/apps/${name}/rollback`, APP_STORY)
}

/** How the events of a long operation are read. */
export interface Story<E> {
  decode: Decoder<E | null>
  isLast: (event: E) => boolean
  /** The command that tells what has happened when the connection broke. */
  look: string
}

const APP_STORY: Story<Progress> = {
  decode: progress,
  isLast: ({ event }) => event === 'running' || event === 'error',
  look: 'cloud ps',
}

/** Sends `file` to a resource that answers with progress. Throws CloudError. */
export async function* sendFile<E>(
  client: NodeClient,
  resource: string,
  file: ImageFile,
  listener: PushListener,
  story: Story<E>,
): AsyncGenerator<E> {
  // Before a bar covers the line on which ssh may ask for a passphrase.
  await client.reach()
  const sha256 = await file.digest((bytes) => listener.hashing(bytes))
  const request = await client.open('PUT', resource, {
    'content-type': 'application/octet-stream',
    'content-length': file.bytes,
    'repr-digest': `sha-256=:${sha256.toString('base64')}:`,
    expect: '100-continue',
  })
  const upload = new Upload(request, file, listener)
  try {
    const response = await Promise.race([
      client.answerOf(request, TIMEOUTS.silentMs),
      upload.failure,
    ])
    yield* untilLast(client.lines(response, story.decode), story, upload)
  } finally {
    request.destroy()
  }
}

/** Posts to a resource that answers with progress. Throws CloudError. */
export function askStory<E>(
  client: NodeClient,
  resource: string,
  story: Story<E>,
): AsyncGenerator<E> {
  return untilLast(client.stream('POST', resource, story.decode), story)
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
async function* untilLast<E>(
  events: AsyncGenerator<E | null>,
  { isLast, look }: Story<E>,
  upload?: Upload,
): AsyncGenerator<E> {
  for (;;) {
    const next = await Promise.race([events.next(), ...(upload ? [upload.failure] : [])])
    if (next.done === true) break
    if (next.value === null) continue
    yield next.value
    if (isLast(next.value)) return
  }
  throw new CloudError(
    ExitCode.unreachable,
    'unreachable',
    `The connection ended before the outcome was known; look with \`${look}\` what has happened.`,
  )
}
