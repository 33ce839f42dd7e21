// What must hold after a power cut: of the disk as it was left, of the node that boots from it, and of the
// disk when that node was turned off.
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { getText } from '../../demo/get-text.ts'
import { checkDisk } from '../../qemu/disk.ts'
import type { Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import { expectWhole, extract, replayJournal, untidy } from './inspect-disk.ts'
import { appFacts, type NodeFacts, type Recording } from './recording.ts'
import { PORTS } from './scenario.ts'

const ANSWER_MS_MAX = 60_000

/** Throws unless file system and database of the image are whole and hold what they may. Returns what. */
export async function checkLeftDisk(
  { guest, images }: Recording,
  allowed: readonly NodeFacts[],
  image: string,
): Promise<NodeFacts> {
  const copy = join(guest.dir, 'copy.img')
  const dir = join(guest.dir, 'left')
  await copySparse(image, copy)
  await replayJournal(copy)
  const { facts } = await extract(copy, dir)
  expectOneOf(allowed, facts, 'the disk')
  await expectWhole(dir, facts.apps, images)
  return facts
}

/** Boots from the image, and turns the node off again. Throws unless that is what both times is there. */
export async function checkNode(
  recording: Recording,
  facts: NodeFacts,
  image: string,
): Promise<void> {
  const { guest, images } = recording
  await checkRunning(recording, facts, image)
  await checkDisk(image)
  const dir = join(guest.dir, 'after')
  const found = await extract(image, dir)
  expectOneOf([facts], found.facts, 'the disk after the boot')
  await expectWhole(dir, facts.apps, images)
  const left = untidy(found)
  if (left.length > 0) throw new Error(`after the boot: ${left.join(', ')}`)
}

async function checkRunning(
  { guest, images }: Recording,
  { apps }: NodeFacts,
  image: string,
): Promise<void> {
  await using vps = await guest.start({ disk: image, ports: Object.values(PORTS) })
  try {
    expectOneOf([apps], await appFacts(vps), 'cloud ps')
    for (const { name, digest } of apps) await expectAnswer(vps, name, images.get(digest)?.version)
    await vps.powerOff()
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

function expectOneOf<T>(allowed: readonly T[], found: T, where: string): void {
  if (allowed.some((one) => isDeepStrictEqual(one, found))) return
  const list = allowed.map((one) => JSON.stringify(one)).join(' or ')
  throw new Error(`${where} holds ${JSON.stringify(found)}, not ${list}`)
}
