// /v1/node/confirm, purge and uninstall: what only a node has that was installed over another system.
import type { Purged, PurgeProgress } from '../../protocol/api.ts'
import { AppError } from '../supervisor/apps.ts'
import { storyReply } from './progress-reply.ts'
import type { RouteRequest, Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

/** As the kernel has it (PATH_MAX), and as many as fit a request's head. */
const PATH_BYTES_MAX = 4095

export function confirmNode({ node, request }: RouteContext): Reply {
  const by = cloudAgent(request.headers) ?? 'a request that is not of cloud'
  return { status: 200, json: node.confirm(`${by}: POST /v1/node/confirm`) }
}

/** The answer is its progress. `?keep=/PATH`, any number of them: what stays with all below it. */
export async function purgeNode({ node, query, log }: RouteContext): Promise<Reply> {
  const keep = keptPaths(query)
  return storyReply<PurgeProgress, Purged>(
    {
      operation: (tell) => node.purge(keep, tell),
      last: (purged) => ({ event: 'purged', ...purged }),
      merging: 'removing',
    },
    log,
  )
}

/** 202: what boots is the old system now. The rest takes the connection away, so it comes after the answer. */
export function uninstallNode({ node }: RouteContext): Reply {
  const { begin } = node.uninstall()
  return { status: 202, json: { action: 'uninstall' }, after: begin }
}

/** `cloud/VERSION`, as every request of `cloud` says; null: another client. */
export function cloudAgent(headers: RouteRequest['headers']): string | null {
  return /^cloud\/[\w.+-]{1,40}$/.exec(headers['user-agent'] ?? '')?.[0] ?? null
}

/** A word that is not understood must not be one that is removed. */
function keptPaths(query: URLSearchParams): string[] {
  for (const name of query.keys())
    if (name !== 'keep') throw new AppError('bad-request', `A purge has no "${name}", only keep.`)
  const paths = query.getAll('keep')
  for (const path of paths) {
    const names = path.split('/')
    const isPath =
      path.startsWith('/') && !names.includes('..') && names.some((name) => name !== '')
    if (!isPath || path.includes('\0') || Buffer.byteLength(path) > PATH_BYTES_MAX)
      throw new AppError('bad-request', `keep must be an absolute path without "..": "${path}".`)
  }
  return paths
}
