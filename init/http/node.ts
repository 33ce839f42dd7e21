// /v1/node: the machine itself.
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export function getNode({ node }: RouteContext): Reply {
  return { status: 200, json: node.status() }
}

/** 202: it will happen. The act begins after the answer has left, as it takes the network away. */
export function rebootNode({ node }: RouteContext): Reply {
  return { status: 202, json: { action: 'reboot' }, after: () => node.reboot() }
}

export function powerOffNode({ node }: RouteContext): Reply {
  return { status: 202, json: { action: 'poweroff' }, after: () => node.powerOff() }
}
