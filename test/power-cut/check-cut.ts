// What must hold after a power cut: of the disk as it was left, of the node that boots from it, and of the
// disk when that node was turned off.
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { getText } from '../../demo/get-text.ts'
import { checkDisk } from '../../qemu/disk.ts'
import type { Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import { expectWhole, extract, replayJournal, untidy } from './inspect-disk.ts'
import type { Point } from './points.ts'
import { appFacts, type AppFacts, type Recording } from './recording.ts'
import { PORTS } from './scenario.ts'

const ANSWER_MS_MAX = 60_000

/** Throws unless file system and database of the image are whole and hold what they may. Leaves it as it is. */
export async function checkLeftDisk(
  { guest, images }: Recording,
  { allowed }: Point,
  image: string,
): Promise<void> {
  const copy = join(guest.dir, 'copy.img')
  const dir = join(guest.dir, 'left')
  await copySparse(image, copy)
  await replayJournal(copy)
  const { apps } = await extract(copy, dir)
  expectOneOf(allowed, apps, 'the state database')
  await expectWhole(dir, apps, images)
}

/** Boots from the image, and turns the node off again. Throws unless both are as they must be. */
export async function checkNode(
  recording: Recording,
  { allowed }: Point,
  image: string,
): Promise<void> {
  const { guest, images } = recording
  const apps = await checkRunning(recording, allowed, image)
  await checkDisk(image)
  const dir = join(guest.dir, 'after')
  const found = await extract(image, dir)
  expectOneOf([apps], found.apps, 'the state database after the boot')
  await expectWhole(dir, apps, images)
  const left = untidy(found, apps)
  if (left.length > 0) throw new Error(`after the boot: ${left.join(', ')}`)
}

/** Returns what runs. */
async function checkRunning(
  { guest, images }: Recording,
  allowed: Point['allowed'],
  image: string,
): Promise<readonly AppFacts[]> {
  await using vps = await guest.start({ disk: image, ports: Object.values(PORTS) })
  try {
    const apps = await appFacts(vps)
    expectOneOf(allowed, apps, 'cloud ps')
    for (const { name, digest } of apps) await expectAnswer(vps, name, images.get(digest)?.version)
    await vps.powerOff()
    return apps
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${vps.console.tail}`, { cause: error })
  }
}

async function expectAnswer(vps: Vps, name: string, version: string | undefined): Promise<void> {
  const port = Object.entries(PORTS).find(([app]) => app === name)?.[1]
  if (port === undefined) throw new Error(`an app ${name} runs that was never pushed`)
  const url = `http://${vps.address(port)}/version`
  await vps.waitForHttp(url, ANSWER_MS_MAX)
  const answer = (await getText(url)).trim()
  if (answer !== version) throw new Error(`${name} answers ${answer}, not ${version}`)
}

function expectOneOf(allowed: Point['allowed'], found: readonly AppFacts[], where: string): void {
  if (allowed.some((one) => isDeepStrictEqual(one, found))) return
  const list = allowed.map((one) => JSON.stringify(one)).join(' or ')
  throw new Error(`${where} holds ${JSON.stringify(found)}, not ${list}`)
}
