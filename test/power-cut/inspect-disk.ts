// Looks at a disk that no guest runs from: is the file system whole, is the database, is each generation?
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { command } from '../../qemu/command.ts'
import { checkDisk } from '../../qemu/disk.ts'
import { sha256 } from './init-file.ts'
import type { AppFacts, NodeFacts, Recording } from './recording.ts'

const ENV = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
const FSCK_MS_MAX = 120_000
/** e2fsck(8): 1 means corrected, which a replayed journal counts as. */
const FSCK_CORRECTED = 1

/**
 * Replays the journal of the image, as a mount would, and ends what was deleted while it was open. Throws
 * e2fsck's words when anything else is wrong.
 */
export async function replayJournal(image: string): Promise<void> {
  const { code, text } = await preen(image)
  if (code > FSCK_CORRECTED || /INCONSISTENCY|FIXED/.test(text))
    throw new Error(`e2fsck -p: ended with ${code}\n${text}`)
  await checkDisk(image)
}

function preen(image: string): Promise<{ code: number; text: string }> {
  const child = spawn('e2fsck', ['-p', image], {
    ...{ env: ENV, timeout: FSCK_MS_MAX, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? Infinity, text }))
  })
}

/** What a disk holds of the node, copied out of the image. */
export interface Extract {
  /** The apps that the state database names (none where there is no database yet), and /sbin/init. */
  facts: NodeFacts
  /** The names in /sbin. */
  initFiles: readonly string[]
  /** What is below /chroots/.generations, whoever knows of it: `app`, `app/entry`. */
  generations: readonly string[]
  staging: readonly string[]
  /** The symbolic links of /chroots: `name -> target`. */
  links: readonly string[]
}

/** Copies it to `dir` and reads it; throws when the database is damaged. */
export async function extract(image: string, dir: string): Promise<Extract> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir)
  for (const path of ['/chroots', '/var/lib/solocloud', '/sbin']) {
    // It says nothing in its exit status, and warns of owners that it can't set when it isn't root.
    await command('debugfs', ['-R', `rdump ${path} ${dir}`, image], { env: ENV })
  }
  const chroots = join(dir, 'chroots')
  const apps = await namesIn(join(chroots, '.generations'))
  const entriesOf = async (app: string): Promise<string[]> => {
    const names = await namesIn(join(chroots, '.generations', app))
    return [app, ...names.map((name) => `${app}/${name}`)]
  }
  return {
    facts: {
      apps: readState(join(dir, 'solocloud/state.db')),
      init: await sha256(join(dir, 'sbin/init')),
    },
    initFiles: await namesIn(join(dir, 'sbin')),
    generations: (await Promise.all(apps.map(entriesOf))).flat(),
    staging: await namesIn(join(chroots, '.staging')),
    links: await linksIn(chroots),
  }
}

/** What a node that has been up must not have: a sentence each. */
export function untidy(found: Extract): string[] {
  const { apps } = found.facts
  // The guest's disk has /sbin/solocloud from the start (test/boot/guest.ts).
  const initFiles = ['init', 'init.previous', 'solocloud']
  const kept = apps.flatMap(({ name, generation, previousGeneration: previous }) =>
    [generation, previous].filter((number) => number !== null).map((number) => `${name}/${number}`),
  )
  // Beside a generation stands what it is, as JSON.
  const known = new Set([
    ...apps.map(({ name }) => name),
    ...kept,
    ...kept.map((one) => `${one}.json`),
  ])
  const links = apps.map(({ name, generation }) => `${name} -> .generations/${name}/${generation}`)
  return [
    ...found.generations.filter((path) => !known.has(path)).map((path) => `${path} is nobody's`),
    ...kept.filter((path) => !found.generations.includes(path)).map((path) => `${path} is missing`),
    ...found.links.filter((link) => !links.includes(link)).map((link) => `${link} is wrong`),
    ...links.filter((link) => !found.links.includes(link)).map((link) => `${link} is missing`),
    ...found.initFiles
      .filter((name) => !initFiles.includes(name))
      .map((name) => `/sbin/${name} is left`),
    ...found.staging.map((name) => `${name} is left in staging`),
  ]
}

/** Throws unless every generation that the database names holds its image, byte by byte. */
export async function expectWhole(
  dir: string,
  apps: readonly AppFacts[],
  images: Recording['images'],
): Promise<void> {
  for (const { name, generation, digest } of apps) {
    const image = images.get(digest)
    if (image === undefined)
      throw new Error(`${name} has an image that was never pushed: ${digest}`)
    const unpacked = join(dir, 'image', digest)
    await mkdir(unpacked, { recursive: true })
    await command('tar', ['-xf', image.path, '-C', unpacked])
    await expectSame(unpacked, join(dir, 'chroots/.generations', name, String(generation)))
  }
}

/** An app's root holds more than its image: mount points and /etc/resolv.conf. */
async function expectSame(wanted: string, found: string): Promise<void> {
  for (const entry of await readdir(wanted, { withFileTypes: true })) {
    const [one, other] = [join(wanted, entry.name), join(found, entry.name)]
    if (entry.isDirectory()) await expectSame(one, other)
    else if (entry.isSymbolicLink()) {
      if ((await readlink(one)) !== (await readlink(other))) throw new Error(`${other} differs`)
    } else if (!(await readFile(one)).equals(await readFile(other)))
      throw new Error(`${other} differs from its image`)
  }
}

interface StateRow {
  name: string
  generation: number
  previousGeneration: number | null
  digest: string | null
}

/** Throws when SQLite finds fault with it, after its own recovery from the write-ahead log beside it. */
function readState(path: string): AppFacts[] {
  // The power went before the first boot had come to it.
  if (!existsSync(path)) return []
  const db = new DatabaseSync(path)
  try {
    const problems = db
      .prepare('PRAGMA integrity_check')
      .all()
      .concat(db.prepare('PRAGMA foreign_key_check').all())
    if (problems.length !== 1 || problems[0]?.['integrity_check'] !== 'ok')
      throw new Error(`state.db: ${JSON.stringify(problems)}`)
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name = 'app'").all()
    if (tables.length === 0) return []
    const rows = db
      .prepare(
        `
      SELECT app.name, current AS generation, previous AS previousGeneration, digest FROM app
      LEFT JOIN generation ON app = app.name AND number = current ORDER BY app.name`,
      )
      .all()
    return (rows as unknown as StateRow[]).map(({ digest, ...row }) => ({
      ...row,
      digest: digest ?? 'none',
    }))
  } finally {
    db.close()
  }
}

async function linksIn(dir: string): Promise<string[]> {
  const links: string[] = []
  for (const name of await namesIn(dir)) {
    const path = join(dir, name)
    if ((await lstat(path)).isSymbolicLink()) links.push(`${name} -> ${await readlink(path)}`)
  }
  return links
}

/** Empty when there is no such directory: the power may go before anything was made. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
