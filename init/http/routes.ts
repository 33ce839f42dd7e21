// The management server's table of resources: finds the handler of a request, or says what is wrong.
import { isAppName, APP_NAME_RULE } from '../../protocol/app-name.ts'
import { AppError, type Apps } from '../supervisor/apps.ts'
import { getBackup } from './backup.ts'
import { cloudAgent, confirmNode, purgeNode, uninstallNode } from './installation.ts'
import { deleteApp, getApp, listApps, restartApp } from './apps.ts'
import { getCrashes } from './crashes.ts'
import type { Followers } from './followers.ts'
import type { Log } from '../supervisor/log.ts'
import { getLogs } from './logs.ts'
import type { NodeControl } from './node-control.ts'
import { getNode, powerOffNode, rebootNode } from './node.ts'
import { failureOf, problemReply } from './problems.ts'
import { putApp } from './push.ts'
import type { Reply, RouteRequest } from './reply.ts'
import { rollbackApp } from './rollback.ts'
import { putInit, rollBackInit } from './upgrade.ts'

export interface RouteDeps {
  apps: Apps
  node: NodeControl
  log: Log
  followers: Followers
}

/** `name` is the app's, checked; '' where the path has none. */
export interface RouteContext extends RouteDeps {
  name: string
  query: URLSearchParams
  request: RouteRequest
}
type Handler = (context: RouteContext) => Reply | Promise<Reply>

/** ':name' stands for an app's name. HEAD is GET without a body: the server leaves it out. */
const resources: readonly { path: string; methods: Readonly<Record<string, Handler>> }[] = [
  { path: '/v1/apps', methods: { GET: listApps } },
  { path: '/v1/apps/:name', methods: { GET: getApp, PUT: putApp, DELETE: deleteApp } },
  { path: '/v1/apps/:name/restart', methods: { POST: restartApp } },
  { path: '/v1/apps/:name/rollback', methods: { POST: rollbackApp } },
  { path: '/v1/apps/:name/logs', methods: { GET: getLogs } },
  { path: '/v1/node', methods: { GET: getNode } },
  { path: '/v1/node/crashes', methods: { GET: getCrashes } },
  { path: '/v1/node/backup', methods: { GET: getBackup } },
  { path: '/v1/node/confirm', methods: { POST: confirmNode } },
  { path: '/v1/node/purge', methods: { POST: purgeNode } },
  { path: '/v1/node/uninstall', methods: { POST: uninstallNode } },
  { path: '/v1/node/reboot', methods: { POST: rebootNode } },
  { path: '/v1/node/poweroff', methods: { POST: powerOffNode } },
  { path: '/v1/node/init', methods: { PUT: putInit } },
  { path: '/v1/node/init/rollback', methods: { POST: rollBackInit } },
]

/** What is about the trial itself. */
const ENDS_OTHERWISE: ReadonlySet<Handler> = new Set<Handler>([
  confirmNode,
  purgeNode,
  uninstallNode,
])

/** Answers one request. Operating errors and bugs before the first byte come out as problem replies. */
export async function route(deps: RouteDeps, request: RouteRequest): Promise<Reply> {
  try {
    return await dispatch(deps, request)
  } catch (error) {
    return problemReply(failureOf(error, deps.log))
  }
}

async function dispatch(deps: RouteDeps, request: RouteRequest): Promise<Reply> {
  refuseBrowsers(request)
  const url = URL.parse(request.url, 'http://node')
  if (url === null) throw new AppError('bad-request', "The request's address can't be read.")
  const found = find(url.pathname)
  if (found === null) {
    throw new AppError('no-such-resource', `There is no ${url.pathname} here; see /v1/apps.`)
  }
  const { methods, name } = found
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (handler === undefined) return methodNotAllowed(deps, request.method, methods)
  if (name !== '' && !isAppName(name)) {
    throw new AppError('bad-name', `"${name}" can't be an app's name: ${APP_NAME_RULE}.`)
  }
  if (method !== 'PUT') refuseBody(request)
  if (!ENDS_OTHERWISE.has(handler)) noticeCloud(deps, request, url)
  return handler({ ...deps, name, query: url.searchParams, request })
}

/** A page in a browser on the operator's machine could reach a forwarded port; it can't leave these out. */
function refuseBrowsers({ headers }: RouteRequest): void {
  if (headers.origin === undefined && headers['sec-fetch-site'] === undefined) return
  throw new AppError('browser-refused', 'Requests from web pages are refused; use `cloud` or curl.')
}

/** Our own requests, and the Xen host's by way of /sbin/reboot, are not `cloud`'s. */
function noticeCloud({ node }: RouteDeps, { method, headers }: RouteRequest, url: URL): void {
  const agent = cloudAgent(headers)
  if (agent !== null) node.noticeCloud(`${agent}: ${method} ${url.pathname}`)
}

function refuseBody({ headers }: RouteRequest): void {
  if (!hasBody(headers)) return
  throw new AppError('unexpected-body', 'This request takes no body; send it without one.')
}

export function hasBody(headers: RouteRequest['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function find(pathname: string): { methods: Record<string, Handler>; name: string } | null {
  const words = pathname.split('/')
  for (const { path, methods } of resources) {
    const pattern = path.split('/')
    const fits = (word: string, i: number) => word === words[i] || (word === ':name' && !!words[i])
    if (pattern.length === words.length && pattern.every(fits)) {
      return { methods, name: words[pattern.indexOf(':name')] ?? '' }
    }
  }
  return null
}

function methodNotAllowed(deps: RouteDeps, method: string, methods: object): Reply {
  const allowed = Object.keys(methods)
  if ('GET' in methods) allowed.push('HEAD')
  const allow = allowed.join(', ')
  const error = new AppError('method-not-allowed', `${method} is not possible here; use ${allow}.`)
  return problemReply(failureOf(error, deps.log), { allow })
}
