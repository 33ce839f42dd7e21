// PUT /v1/apps/{name}: the body is the image; it streams through, and is never held here.
import { AppError } from '../supervisor/apps.ts'
import { progressReply } from './progress-reply.ts'
import type { Reply } from './reply.ts'
import { parseReprDigest } from './repr-digest.ts'
import type { RouteContext } from './routes.ts'

/** A packed image beyond this is a mistake: no node of ours has the disk for what comes out of it. */
export const PACKED_BYTES_MAX = 16 * 1024 ** 3

type Headers = RouteContext['request']['headers']

export async function putApp({ apps, name, request, log }: RouteContext): Promise<Reply> {
  const { headers, body } = request
  requireImage(headers)
  const packedSha256 = parseReprDigest(headerText(headers['repr-digest']))
  return progressReply((onProgress) => apps.deploy({ name, body, packedSha256, onProgress }), log)
}

/** Refuses what can't be an image before a byte of it is sent. */
function requireImage(headers: Headers): void {
  const length = headers['content-length']
  if (headers['transfer-encoding'] === undefined) {
    if (length === undefined) throw new AppError('length-required', 'Send the image as the body.')
    if (Number(length) === 0)
      throw new AppError('empty-body', 'The image is empty; is it the file?')
    if (Number(length) > PACKED_BYTES_MAX) throw tooLarge()
  }
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    throw unsupported(`Content-Encoding ${encoding} is not possible; send the file as it is`)
  }
  // Forms and texts are what curl's -F and -d send; the image's own compression is told by its content.
  const type = (headers['content-type'] ?? '').toLowerCase()
  if (/^(multipart|text)\/|^application\/(json|x-www-form-urlencoded)\b/.test(type)) {
    throw unsupported(`A body of ${type} is not an image; send the file itself (curl -T FILE)`)
  }
}

export function tooLarge(): AppError {
  return new AppError('image-too-big', `An image may have ${PACKED_BYTES_MAX} bytes at most.`)
}

function unsupported(why: string): AppError {
  return new AppError('unsupported-media-type', `${why}.`)
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}
