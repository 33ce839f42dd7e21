// Replaces a node's /sbin/init while it runs, and waits until the node says how that ended.
import { setTimeout as delay } from 'node:timers/promises'
import type { NodeStatus, UpgradeProgress } from '../protocol/api.ts'
import { nodeStatus, upgradeProgress } from '../protocol/wire.ts'
import type { NodeClient } from './client.ts'
import { CloudError, ExitCode, problemError } from './errors.ts'
import type { ImageFile } from './image-file.ts'
import { askStory, sendFile, type PushListener, type Story } from './push.ts'

const UPGRADE_STORY: Story<UpgradeProgress> = {
  decode: upgradeProgress,
  isLast: ({ event }) => event === 'restarting' || event === 'error',
  look: 'cloud node',
}

export function upgrade(
  client: NodeClient,
  file: ImageFile,
  listener: PushListener,
): AsyncGenerator<UpgradeProgress> {
  return sendFile(client, '/v1/node/init', file, listener, UPGRADE_STORY)
}

export function rollBack(client: NodeClient): AsyncGenerator<UpgradeProgress> {
  return askStory(client, '/v1/node/init/rollback', UPGRADE_STORY)
}

/** Beyond the 30 s that a node gives a new file, a while for slow disks. */
const WAIT_MS_MAX = 120_000
const ASK_AGAIN_MS = 250
/** The node may be between two lives: ask anew rather than wait. */
const ASK_TIMEOUTS = { connectMs: 5_000, silentMs: 5_000, answerMs: 5_000 }

/**
 * Follows a node over its restart, which takes the connection away: the status once the new file is
 * confirmed. Rejects with CloudError when it is not. `life`: the number of the life that ended.
 */
export async function outcome(
  client: NodeClient,
  life: number,
  waitMs = WAIT_MS_MAX,
): Promise<NodeStatus> {
  const asking = client.withTimeouts(ASK_TIMEOUTS)
  const endMs = performance.now() + waitMs
  let why = 'it is still on trial'
  while (performance.now() < endMs) {
    try {
      const { value } = await asking.ask('GET', '/v1/node', nodeStatus)
      if (isConfirmed(value, life)) return value
      why = 'it is still on trial'
    } catch (error) {
      if (!(error instanceof CloudError) || error.code === 'upgrade-failed') throw error
      why = error.message
    }
    await delay(ASK_AGAIN_MS)
  }
  throw new CloudError(
    ExitCode.unreachable,
    'unreachable',
    `How the upgrade ended is not known after ${Math.round(waitMs / 1000)} s: ${why}`,
  )
}

/** Throws CloudError when the upgrade has failed for good. */
function isConfirmed({ version, life, init: { upgrade } }: NodeStatus, before: number): boolean {
  const { state, reason } = upgrade
  if (state === 'went-back') throw failed(`It went back to ${version}: ${reason ?? 'no reason'}.`)
  if (state === 'confirmed' && life > before) {
    if (reason !== null) throw failed(`Version ${version} runs, but: ${reason}.`)
    return true
  }
  if (state === 'none' && life > before)
    throw failed(`PID 1 died before the upgrade began, and ${version} runs; try it again.`)
  if (state === 'none' && life < before)
    throw failed(`The node was started anew, and ${version} runs; try it again.`)
  return false
}

const failed = (sentence: string): CloudError =>
  new CloudError(ExitCode.failed, 'upgrade-failed', sentence)

/** The number of the life that ends; shows each event. Throws CloudError. */
export async function untilRestart(
  events: AsyncGenerator<UpgradeProgress>,
  show: (event: UpgradeProgress) => void,
): Promise<number> {
  for await (const event of events) {
    if (event.event === 'error') throw problemError(event.problem, event.logs)
    show(event)
    if (event.event === 'restarting') return event.life
  }
  throw new Error('BUG: a story without an end')
}
