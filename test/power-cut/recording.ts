// One run of the scenario on a new machine, with every write of its disk recorded, and what the operator had
// been told when.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { appStatuses } from '../../protocol/wire.ts'
import type { Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import { writeLogEnd } from '../../qemu/write-log.ts'
import { Guest } from '../boot/guest.ts'
import { cloudJson } from '../run-cloud.ts'
import { OPERATIONS, PORTS, releaseImage, type AppName, type Release } from './scenario.ts'

/** What is on disk of an app. */
export interface AppFacts {
  name: string
  generation: number
  previousGeneration: number | null
  /** Of the image that runs. */
  digest: string
}

/** Something that was under way between two positions of the log. */
export interface Step {
  name: string
  /** Positions in the log, in bytes, when it was asked for and when the operator was told that it is done. */
  beganAt: number
  doneAt: number
  /** The node before and after; nothing else may be found after a power cut. */
  before: readonly AppFacts[]
  after: readonly AppFacts[]
}

export interface Recording {
  guest: Guest
  log: string
  /** The disk before the machine was ever on. */
  base: string
  /** In the order of time; the first is the first boot, the last the power button. */
  steps: readonly Step[]
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
  await copySparse(guest.disk, base)
  await using vps = await guest.start({ writeLog: log, ports: Object.values(PORTS) })
  const steps: Step[] = [
    { name: 'first boot', beganAt: 0, doneAt: await writeLogEnd(log), before: [], after: [] },
  ]
  const image = async (app: AppName, version: string): Promise<string> => {
    const path = await releaseImage(guest.dir, { app, version })
    // A plain tar is its own uncompressed tar.
    const digest = createHash('sha256').update(await readFile(path))
    images.set(`sha256:${digest.digest('hex')}`, { app, version, path })
    return path
  }
  for (const { name, run, change } of OPERATIONS) {
    const before = steps.at(-1)?.after ?? []
    const beganAt = await writeLogEnd(log)
    await run({ vps, image })
    const doneAt = await writeLogEnd(log)
    const after = await appFacts(vps)
    steps.push({ name, beganAt, doneAt, before, after })
    expectChange(before, after, change, images)
    report(`recorded ${name}: ${doneAt - beganAt} bytes`)
  }
  const last = steps.at(-1)?.after ?? []
  const beganAt = await writeLogEnd(log)
  await vps.powerOff()
  const doneAt = await writeLogEnd(log)
  steps.push({ name: 'power button', beganAt, doneAt, before: last, after: last })
  return { guest, log, base, steps, images }
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
  change: Partial<Record<string, string | null>>,
  images: Recording['images'],
): void {
  const versions = (apps: readonly AppFacts[]): Record<string, string | null | undefined> =>
    Object.fromEntries(apps.map(({ name, digest }) => [name, images.get(digest)?.version]))
  const wanted = { ...versions(before), ...change }
  const found = versions(after)
  for (const name of Object.keys(PORTS)) {
    if ((wanted[name] ?? null) !== (found[name] ?? null))
      throw new Error(`the recorded ${name} is ${found[name]}, not ${String(wanted[name])}`)
  }
}
