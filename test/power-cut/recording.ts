// One run of the scenario on a new machine, with every write of its disk recorded, and what the operator had
// been told when.
import { join } from 'node:path'
import { appStatuses } from '../../protocol/wire.ts'
import type { Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import { writeLogEnd } from '../../qemu/write-log.ts'
import { Guest } from '../boot/guest.ts'
import { cloudJson } from '../run-cloud.ts'
import { INIT } from '../../demo/tour.ts'
import { sha256, writeNewInit } from './init-file.ts'
import type { Step } from './points.ts'
import {
  OPERATIONS,
  PORTS,
  releaseImage,
  type AppName,
  type Change,
  type Release,
} from './scenario.ts'

/** What is on the node's disk. */
export interface NodeFacts {
  apps: readonly AppFacts[]
  /** sha256 of /sbin/init, hex. */
  init: string
}

/** Of one app. */
export interface AppFacts {
  name: string
  generation: number
  previousGeneration: number | null
  /** Of the image that runs. */
  digest: string
}

export interface Recording {
  guest: Guest
  /** The disk as QEMU has left it. */
  disk: string
  log: string
  /** The disk before the machine was ever on. */
  base: string
  /** In the order of time; the first is the first boot, the last the power button. */
  steps: readonly Step<NodeFacts>[]
  /** By digest. */
  images: ReadonlyMap<string, Release & { path: string }>
}

const DISK_MB = 512

/** Records it all; the guest is the caller's to dispose of. */
export async function record(report: (line: string) => void): Promise<Recording> {
  const guest = await Guest.make(DISK_MB)
  try {
    return await recordOn(guest, report)
  } catch (error) {
    await guest[Symbol.asyncDispose]()
    throw error
  }
}

async function recordOn(guest: Guest, report: (line: string) => void): Promise<Recording> {
  const log = join(guest.dir, 'writes.log')
  const base = join(guest.dir, 'base.img')
  const images = new Map<string, Release & { path: string }>()
  const newInit = join(guest.dir, 'new-init')
  await writeNewInit(INIT, newInit)
  const [old, upgraded] = [await sha256(INIT), await sha256(newInit)]
  await copySparse(guest.disk, base)
  await using vps = await guest.start({ writeLog: log, ports: Object.values(PORTS) })
  const empty: NodeFacts = { apps: [], init: old }
  const boot = { name: 'first boot', beganAt: 0, doneAt: await writeLogEnd(log) }
  const steps: Step<NodeFacts>[] = [{ ...boot, before: empty, after: empty }]
  let before = empty
  const image = async (app: AppName, version: string): Promise<string> => {
    const path = await releaseImage(guest.dir, { app, version })
    // A plain tar is its own uncompressed tar.
    images.set(`sha256:${await sha256(path)}`, { app, version, path })
    return path
  }
  for (const { name, run, change } of OPERATIONS) {
    const beganAt = await writeLogEnd(log)
    await run({ vps, image, newInit })
    const doneAt = await writeLogEnd(log)
    const apps = await appFacts(vps)
    const after = { apps, init: change.upgraded === true ? upgraded : before.init }
    expectChange(before.apps, apps, change, images)
    steps.push({ name, beganAt, doneAt, before, after })
    before = after
    report(`recorded ${name}: ${doneAt - beganAt} bytes`)
  }
  const beganAt = await writeLogEnd(log)
  await vps.powerOff()
  const doneAt = await writeLogEnd(log)
  steps.push({ name: 'power button', beganAt, doneAt, before, after: before })
  return { guest, disk: guest.disk, log, base, steps, images }
}

export async function appFacts(vps: Vps): Promise<AppFacts[]> {
  const apps = appStatuses(await cloudJson('ps', vps.manage), 'ps')
  return apps.map(({ name, generation, previousGeneration, digest }) => ({
    ...{ name, generation, previousGeneration, digest },
  }))
}

/** The scenario itself must have worked, or nothing after it means anything. */
function expectChange(
  before: readonly AppFacts[],
  after: readonly AppFacts[],
  change: Change,
  images: Recording['images'],
): void {
  const versions = (apps: readonly AppFacts[]): Record<string, string | null | undefined> =>
    Object.fromEntries(apps.map(({ name, digest }) => [name, images.get(digest)?.version]))
  const wanted: Record<string, string | null | undefined> = { ...versions(before), ...change.apps }
  const found = versions(after)
  for (const name of Object.keys(PORTS)) {
    if ((wanted[name] ?? null) !== (found[name] ?? null))
      throw new Error(`the recorded ${name} is ${found[name]}, not ${String(wanted[name])}`)
  }
}
