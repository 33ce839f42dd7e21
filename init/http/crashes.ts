// /v1/node/crashes: how PID 1's lives and the machine's boots have ended.
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export function getCrashes({ node }: RouteContext): Reply {
  return { status: 200, json: node.history() }
}
