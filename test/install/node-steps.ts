// What is asked of a node on a guest that was installed over, by its person's `cloud`.
import { isDeepStrictEqual } from 'node:util'
import type { Example } from '../../demo/tour.ts'
import type { NodeStatus } from '../../protocol/api.ts'
import { appStatuses, nodeStatus } from '../../protocol/wire.ts'
import { type DebianGuest, NODE } from './debian-guest.ts'

const BOOT_LOADER_MS_MAX = 600_000

export async function statusOf(guest: DebianGuest): Promise<NodeStatus> {
  return nodeStatus(JSON.parse(await guest.cloud('node', NODE, '--json')), 'node')
}

/** Throws unless the node came by this method and is in this state: `kexec confirmed`. */
export async function expectInstallation(guest: DebianGuest, wanted: string): Promise<void> {
  const { installation } = await statusOf(guest)
  const found = `${installation?.method} ${installation?.state}`
  if (found !== wanted) throw new Error(`the node is ${found}, not ${wanted}`)
}

/** Throws unless these and the app ssh run, and nothing else does. */
export async function expectRunning(
  guest: DebianGuest,
  examples: readonly Example[],
): Promise<void> {
  const apps = appStatuses(JSON.parse(await guest.cloud('ps', NODE, '--json')), 'ps')
  const found = apps.map(({ name, state }) => `${name} ${state}`)
  const wanted = [...examples.map(({ name }) => name), 'ssh'].map((name) => `${name} running`)
  if (!isDeepStrictEqual(found, wanted.toSorted()))
    throw new Error(`the apps are ${found.join(', ')}, not ${wanted.join(', ')}`)
}

/** Throws unless each answers as it should. */
export async function expectAnswers(
  guest: DebianGuest,
  examples: readonly Example[],
): Promise<void> {
  for (const { port, answer, name } of examples) {
    const text = await guest.get(port)
    if (!answer.test(text)) throw new Error(`${name} answers ${JSON.stringify(text)}`)
  }
}

/** Resolves when the node is there again, by its entry in GRUB. */
export async function rebootNode(guest: DebianGuest): Promise<void> {
  const { position } = guest.vps.console
  await guest.cloud('reboot', NODE)
  await guest.vps.console.waitFor(/Booting `solocloud'/, BOOT_LOADER_MS_MAX, position)
  await guest.waitForNode(position)
}

/** What is in use of the root file system before and after a purge. */
export async function purge(guest: DebianGuest): Promise<{ beforeMb: number; afterMb: number }> {
  const usedMb = async () => {
    const { disk } = await statusOf(guest)
    return Math.round((disk.totalBytes - disk.freeBytes) / 1024 ** 2)
  }
  const beforeMb = await usedMb()
  await guest.cloud('node', 'purge', NODE, '--yes')
  return { beforeMb, afterMb: await usedMb() }
}
