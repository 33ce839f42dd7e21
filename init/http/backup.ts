// GET /v1/node/backup: all that another machine needs to be this node, as a tar.
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export async function getBackup({ node }: RouteContext): Promise<Reply> {
  return { status: 200, type: 'application/x-tar', ...(await node.backup()) }
}
