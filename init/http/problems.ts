// Errors become HTTP here and nowhere else (RFC 9457).
import { STATUS_CODES } from 'node:http'
import type { LogLine, Problem } from '../../protocol/api.ts'
import { AppError } from '../supervisor/apps.ts'
import type { Log } from '../supervisor/log.ts'
import type { JsonReply } from './reply.ts'

/** The codes with a status of their own; any other operating error is 422: understood, and not possible. */
const STATUS_OF: Readonly<Record<string, number>> = {
  'bad-request': 400,
  'bad-name': 400,
  'bad-digest': 400,
  'digest-unsupported': 400,
  'digest-mismatch': 400,
  'digest-required': 400,
  'empty-body': 400,
  'unexpected-body': 400,
  'connection-lost': 400,
  'browser-refused': 403,
  'no-such-app': 404,
  'no-such-resource': 404,
  'method-not-allowed': 405,
  'push-stalled': 408,
  'no-previous-generation': 409,
  'push-in-progress': 409,
  'no-previous-init': 409,
  'upgrade-in-progress': 409,
  'file-replaced': 409,
  'not-installed': 409,
  'trial-over': 409,
  'not-confirmed': 409,
  selinux: 409,
  'purge-in-progress': 409,
  'backup-in-progress': 409,
  purged: 409,
  uninstalling: 409,
  busy: 409,
  cancelled: 409,
  'length-required': 411,
  'image-too-big': 413,
  'init-too-big': 413,
  'unsupported-media-type': 415,
  'expectation-failed': 417,
  'headers-too-large': 431,
  internal: 500,
  'unpack-failed': 500,
  'stop-failed': 500,
  'confirm-failed': 500,
  'purge-failed': 500,
  'backup-failed': 500,
  'uninstall-failed': 500,
  'shutting-down': 503,
  'disk-full': 507,
  'memory-low': 507,
}
const UNPROCESSABLE = 422

export interface Failure {
  problem: Problem
  logs: LogLine[]
}

export function problemOf(code: string, detail: string): Problem {
  const status = STATUS_OF[code] ?? UNPROCESSABLE
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail }
}

/** A bug is logged with its stack and told without it; the node goes on. */
export function failureOf(error: unknown, log: Log): Failure {
  if (error instanceof AppError) {
    return { problem: problemOf(error.code, error.message), logs: [...error.logs] }
  }
  log.error({ err: error }, 'BUG: a management request failed')
  const detail =
    "The node met a bug; its boot.log has the details. The node's apps are not affected."
  return { problem: problemOf('internal', detail), logs: [] }
}

export function problemReply(failure: Failure, headers: Record<string, string> = {}): JsonReply {
  const { problem, logs } = failure
  return {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    json: logs.length > 0 ? { ...problem, logs } : problem,
  }
}
