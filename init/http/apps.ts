// /v1/apps and /v1/apps/{name}: what runs on this node.
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export function listApps({ apps }: RouteContext): Reply {
  return { status: 200, json: apps.list() }
}

export function getApp({ apps, name }: RouteContext): Reply {
  return { status: 200, json: apps.get(name) }
}

/** Stops the app and deletes its chroot. Those who follow its log have nothing more to wait for. */
export async function deleteApp({ apps, name, followers }: RouteContext): Promise<Reply> {
  await apps.remove(name)
  followers.end(name)
  return { status: 204, json: null }
}

export async function restartApp({ apps, name }: RouteContext): Promise<Reply> {
  return { status: 200, json: await apps.restart(name) }
}
