// PUT /v1/node/init and POST /v1/node/init/rollback: another file in PID 1's place, without a reboot.
import type { UpgradeProgress } from '../../protocol/api.ts'
import { AppError } from '../supervisor/apps.ts'
import type { Restart } from './node-control.ts'
import { storyReply } from './progress-reply.ts'
import type { LinesReply, Reply } from './reply.ts'
import { parseReprDigest } from './repr-digest.ts'
import type { RouteContext } from './routes.ts'

/** Twice what a file of ours has; it lies on the disk three times for a moment. */
export const INIT_BYTES_MAX = 256 * 1024 ** 2

type Headers = RouteContext['request']['headers']

export async function putInit({ node, request, log }: RouteContext): Promise<Reply> {
  const { headers, body } = request
  const file = { body, bytes: announcedBytes(headers), sha256: announcedDigest(headers) }
  return restartReply((tell) => node.upgrade(file, tell), log)
}

export async function rollBackInit({ node, log }: RouteContext): Promise<Reply> {
  return restartReply((tell) => node.rollBack(tell), log)
}

type Operation = (tell: (progress: UpgradeProgress) => void) => Promise<Restart>

/** The restart takes the connection away, so it begins when the answer has left. */
function restartReply(operation: Operation, log: RouteContext['log']): Promise<LinesReply> {
  return storyReply<UpgradeProgress, Restart>(
    {
      operation,
      last: ({ version, life }) => ({ event: 'restarting', version, life }),
      merging: 'receiving',
      after: (restart) => restart.begin(),
    },
    log,
  )
}

/** Refuses what can't be the file before a byte of it is sent. */
function announcedBytes(headers: Headers): number {
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined || length === undefined) {
    throw new AppError('length-required', 'Send the file with its Content-Length.')
  }
  const bytes = Number(length)
  if (bytes === 0) throw new AppError('empty-body', 'The file is empty; is it build/solocloud?')
  if (bytes > INIT_BYTES_MAX) {
    throw new AppError(
      'init-too-big',
      `The file may have ${INIT_BYTES_MAX} bytes at most; is it build/solocloud?`,
    )
  }
  return bytes
}

function announcedDigest(headers: Headers): string {
  const field = headers['repr-digest']
  const sha256 = parseReprDigest(Array.isArray(field) ? field.join(', ') : field)
  if (sha256 !== null) return sha256
  throw new AppError('digest-required', 'Send Repr-Digest with the sha-256 of the file.')
}
