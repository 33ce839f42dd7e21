// /v1/node/confirm: what only a node has that was installed over another system.
import type { RouteRequest, Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export function confirmNode({ node, request }: RouteContext): Reply {
  const by = cloudAgent(request.headers) ?? 'a request that is not of cloud'
  return { status: 200, json: node.confirm(`${by}: POST /v1/node/confirm`) }
}

/** `cloud/VERSION`, as every request of `cloud` says; null: another client. */
export function cloudAgent(headers: RouteRequest['headers']): string | null {
  return /^cloud\/[\w.+-]{1,40}$/.exec(headers['user-agent'] ?? '')?.[0] ?? null
}
