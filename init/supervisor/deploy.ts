// A push: from the body to a generation that has stayed up. Whatever fails on the way, nothing has changed
// and nothing is left behind.
import type { Isolation } from '../../protocol/api.ts'
import type { Manifest } from '../../protocol/image.ts'
import type { State } from '../state/state.ts'
import type { Image } from './app-process.ts'
import { AppError, type Push } from './apps.ts'
import type { Generations } from './generations.ts'
import { watchBody } from './image-pump.ts'
import type { Installed, Slot } from './slot.ts'
import { switchImage, type SwitchTools } from './switch.ts'
import type { Turns } from './turns.ts'
import { unpack, type Unpacked, type UnpackTools } from './unpack.ts'

export interface DeployTools extends UnpackTools, SwitchTools {
  generations: Generations
  state: State
  turns: Turns
  /** What this node allows. */
  isolation: Isolation
}

const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** Rejects with AppError. Of a first push the slot is left without a current generation then. */
export async function deploy(
  tools: DeployTools,
  slot: Slot,
  push: Push,
  signal: AbortSignal,
): Promise<void> {
  const installed = await install(tools, slot, push, signal)
  try {
    await switchTo(tools, slot, installed, slot.current, signal, push.onProgress)
  } catch (error) {
    await tidy(tools, slot, () => tools.generations.discard(slot.name, installed.number))
    throw error
  }
}

/** Back to the generation before, which becomes the one that a second rollback returns to. */
export async function rollback(
  tools: DeployTools,
  slot: Slot,
  signal: AbortSignal,
  onProgress: Push['onProgress'],
): Promise<void> {
  if (slot.previous === null)
    throw new AppError('no-previous-generation', `${slot.name} has no generation to go back to.`)
  await switchTo(tools, slot, slot.previous, slot.current, signal, onProgress)
}

/** Runs `next`; then it is the current generation, `before` the previous one, and older ones are deleted. */
async function switchTo(
  tools: DeployTools,
  slot: Slot,
  next: Installed,
  before: Installed | null,
  signal: AbortSignal,
  onProgress: Push['onProgress'],
): Promise<void> {
  const { generations, state } = tools
  const { name, previous } = slot
  await switchImage(tools, slot, {
    from: before?.image ?? null,
    to: next.image,
    signal,
    onProgress,
    commit() {
      state.putApp({ name, current: next, previous: before })
      slot.current = next
      slot.previous = before
    },
  })
  // From here on it is done; what follows is repaired at the next start should it fail.
  await tidy(tools, slot, () => generations.link(name, next.number))
  if (previous !== null && previous.number !== next.number)
    await tidy(tools, slot, () => generations.discard(name, previous.number))
}

async function install(
  tools: DeployTools,
  slot: Slot,
  push: Push,
  signal: AbortSignal,
): Promise<Installed> {
  const { generations, turns } = tools
  const body = watchBody(push.body)
  const either = AbortSignal.any([signal, body.signal])
  const waiting = (): void =>
    push.onProgress({ event: 'waiting', reason: 'another image is being unpacked' })
  let endTurn: (() => void) | null = null
  let staging: string | null = null
  try {
    endTurn = await turns.take(either, waiting)
    staging = await generations.stage(slot.name)
    const unpacked = await unpack(tools, {
      staging,
      body: push.body,
      signal: either,
      onProgress: (bytes, entries) => push.onProgress({ event: 'unpacking', bytes, entries }),
    })
    checkImage(tools, push, unpacked)
    body.stop() // All of it is here: the connection no longer matters.
    return await commit(tools, slot, push, staging, unpacked, signal)
  } catch (error) {
    const path = staging
    if (path !== null) await tidy(tools, slot, () => generations.discardStaging(path))
    throw installError(error)
  } finally {
    body.stop()
    endTurn?.()
  }
}

async function commit(
  { generations, isolation }: DeployTools,
  slot: Slot,
  { onProgress }: Push,
  staging: string,
  { digest, bytes, entries, manifest }: Unpacked,
  signal: AbortSignal,
): Promise<Installed> {
  signal.throwIfAborted()
  const number = generations.next(slot.name, (slot.current?.number ?? 0) + 1)
  const generation = { number, digest, manifest: JSON.stringify(manifest) }
  await generations.commit(staging, slot.name, generation)
  onProgress({ event: 'unpacked', digest, bytes, entries, generation: number })
  return { ...generation, image: imageOf(generations, isolation, slot.name, number, manifest) }
}

export function imageOf(
  generations: Generations,
  nodeIsolation: Isolation,
  app: string,
  generation: number,
  manifest: Manifest,
): Image {
  const isolation = manifest.isolation === 'chroot' ? 'chroot' : nodeIsolation
  return { generation, root: generations.root(app, generation), manifest, isolation }
}

function checkImage(
  { isolation }: DeployTools,
  { packedSha256 }: Push,
  { packedSha256: actual, manifest }: Unpacked,
): void {
  if (packedSha256 !== null && packedSha256 !== actual)
    throw new AppError('digest-mismatch', 'What came is not what was sent; push the image again.')
  if (manifest.architecture !== ARCHITECTURE)
    throw new AppError(
      'wrong-architecture',
      `The image is for ${manifest.architecture} and this node is ${ARCHITECTURE}; build it for that.`,
    )
  if (manifest.isolation === 'namespaces' && isolation === 'chroot')
    throw new AppError(
      'isolation-unavailable',
      'The image asks for namespaces, which this node does not allow; use "chroot" in image.json.',
    )
}

/** Deleting and linking may fail without changing what was decided; the next start tries again. */
async function tidy({ log }: DeployTools, slot: Slot, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log.error({ err: error, app: slot.name }, 'something of this app could not be tidied up')
  }
}

/** SQLITE_FULL of sqlite.org/rescode.html. */
const SQLITE_FULL = 13

/** The disk's refusals become operating errors, whoever met them. */
export function operatingError(error: unknown): unknown {
  if (error instanceof AppError) return error
  const { code, errcode } = error as { code?: string; errcode?: number }
  if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === SQLITE_FULL)
    return new AppError('disk-full', 'The disk of the node is full; remove an app or old logs.')
  return error
}

function installError(error: unknown): unknown {
  const operating = operatingError(error)
  if (operating instanceof AppError || (error as { name?: string }).name !== 'SysError')
    return operating
  return new AppError('unpack-failed', `The unpacker could not be started: ${String(error)}.`)
}
