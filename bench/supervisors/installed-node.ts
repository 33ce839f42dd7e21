// A node's disk with many copies of one app on it, so that a thousand apps need one push and not a thousand.
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startNamespaceNode } from '../../demo/namespace-node.ts'
import { makeNodeDirectory } from '../../demo/node-directory.ts'
import { command } from '../../qemu/command.ts'
import { cloud, INIT } from '../solocloud.ts'
import type { Programs } from './peer-directory.ts'
import { SERVICE, STORM } from './peers.ts'

/** Where an app stamps, in its own root. */
export const appStampFile = (index: number): string => `/stamp-${index}`
/** Names in the order of their numbers. */
export const appName = (index: number): string => `service-${String(index).padStart(4, '0')}`

/**
 * Makes `dir` a node's disk that has `count` apps. The first is pushed to a running node; the node itself lays
 * out the disk and the database. The others are copies of its directory and of its rows.
 */
export async function makeInstalledNode(
  dir: string,
  count: number,
  programs: Programs,
): Promise<void> {
  await makeNodeDirectory(dir, INIT)
  const upper = join(dir, 'upper')
  await mkdir(join(upper, 'bin'))
  await command('cp', [programs.storm, join(upper, STORM)])
  const image = await makeImage(join(dir, 'image'), programs)
  const node = await startNamespaceNode({ dir })
  try {
    await node.waitForManagement()
    await cloud('start', node.manage, image)
  } finally {
    // A power cut: what was acknowledged is on the disk.
    await node.kill()
  }
  for (let index = 1; index < count; index++) await copyApp(join(upper, 'chroots'), index)
  copyRows(join(upper, 'var/lib/solocloud/state.db'), count)
}

/** `programs.service` alone, as a packed image that gives an app the first name. */
async function makeImage(dir: string, programs: Programs): Promise<string> {
  await mkdir(join(dir, 'root/bin'), { recursive: true })
  await cp(programs.service, join(dir, 'root', SERVICE))
  const manifest = { architecture: 'amd64', config: { Cmd: [SERVICE, appStampFile(0)] } }
  await writeFile(join(dir, 'root/image.json'), JSON.stringify(manifest))
  const image = join(dir, `${appName(0)}.tar`)
  await cloud('image', 'build', join(dir, 'root'), '-o', image)
  return image
}

async function copyApp(chroots: string, index: number): Promise<void> {
  const from = join(chroots, '.generations', appName(0))
  const to = join(chroots, '.generations', appName(index))
  await mkdir(to, { mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    // The program's file is shared, as a peer's services share theirs.
    if (entry.isDirectory()) await command('cp', ['-al', source, target])
    else await writeFile(target, copyOf(await readFile(source, 'utf8'), index), { mode: 0o600 })
  }
  await symlink(`.generations/${appName(index)}/1`, join(chroots, appName(index)))
}

/** What the node notes of the first app, as it is for another one. */
export const copyOf = (text: string, index: number): string =>
  text.replaceAll(`${appStampFile(0)}"`, `${appStampFile(index)}"`)

/** The column that names the app is replaced wherever it occurs, and its number in the manifest. */
function copyRows(path: string, count: number): void {
  const database = new DatabaseSync(path)
  try {
    const copyApps = database.prepare(
      'INSERT INTO app SELECT ?, current, previous FROM app WHERE name = ?',
    )
    const copyGenerations = database.prepare(
      `INSERT INTO generation SELECT ?, number, digest, replace(manifest, ?, ?)
       FROM generation WHERE app = ?`,
    )
    database.exec('BEGIN')
    for (let index = 1; index < count; index++) {
      copyApps.run(appName(index), appName(0))
      copyGenerations.run(appName(index), appStampFile(0), appStampFile(index), appName(0))
    }
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}
