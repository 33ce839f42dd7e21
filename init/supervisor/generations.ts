// The directories of /chroots. A generation appears under its number only when it is complete, and what is
// to be deleted first leaves its name, so that a power cut at any moment leaves whole things only.
import { mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { chmod, mkdir, open, rename, rm, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Mounts } from './mounts.ts'
import { removeTree } from './remove-tree.ts'

export interface Generations {
  root(app: string, number: number): string
  /** A number that was never used, also not by a directory that nobody knows of. */
  next(app: string, atLeast: number): number
  /** An empty directory to unpack into. */
  stage(app: string): Promise<string>
  /** Gives a complete directory its number. It is on disk when this resolves. */
  commit(staging: string, app: string, number: number): Promise<void>
  /** Lets /chroots/<app> show the generation; never absent in between. */
  link(app: string, number: number): Promise<void>
  /** Deletes one generation. Rejects, and leaves it, when something is mounted in it. */
  discard(app: string, number: number): Promise<void>
  /** Deletes what `stage` made. */
  discardStaging(path: string): Promise<void>
  /** Deletes everything of an app. */
  discardApp(app: string): Promise<void>
  /** Apps that have a directory of generations, with their numbers. */
  found(): Map<string, number[]>
  /** The generation that /chroots/<app> shows, or null when it is no such symbolic link. */
  linked(app: string): number | null
  /** Removes that link, when it is one. */
  unlink(app: string): void
  /** Deletes what the life before this one left in staging. */
  cleanStaging(): Promise<void>
}

/** The app's own root: its user must be able to enter it. Only /chroots itself is closed. */
const ROOT_MODE = 0o755

export function createGenerations(chroots: string, mounts: Mounts): Generations {
  const stagingDir = `${chroots}/.staging`
  const generationsDir = `${chroots}/.generations`
  mkdirSync(chroots, { recursive: true, mode: 0o700 })
  for (const dir of [stagingDir, generationsDir]) mkdirSync(dir, { recursive: true, mode: 0o700 })
  const leftovers = readdirSync(stagingDir).map((name) => `${stagingDir}/${name}`)
  const taken = new Set(leftovers)
  let used = 0
  const temporary = (what: string): string => {
    for (;;) {
      const path = `${stagingDir}/${what}-${used++}`
      if (!taken.has(path)) return path
    }
  }

  const appDir = (app: string): string => `${generationsDir}/${app}`
  const linked = (app: string): number | null => {
    const match = /^\.generations\/([^/]+)\/(\d+)$/.exec(linkTarget(`${chroots}/${app}`) ?? '')
    return match?.[1] === app ? Number(match[2]) : null
  }
  const unlink = (app: string): void => {
    if (linked(app) !== null) rmSync(`${chroots}/${app}`, { force: true })
  }
  const root = (app: string, number: number): string => `${appDir(app)}/${number}`

  const refuseMounted = (path: string): void => {
    const [mounted] = mounts.below(path)
    if (mounted !== undefined) throw new Error(`${mounted} is still mounted`)
  }
  const removeUnmounted = async (path: string): Promise<void> => {
    refuseMounted(path)
    await removeTree(path)
  }
  /** Out of its place at once, deleted in its own time. */
  const discard = async (path: string): Promise<void> => {
    refuseMounted(path)
    const trash = temporary('trash')
    try {
      await rename(path, trash)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    await sync(dirname(path))
    await removeTree(trash)
  }

  return {
    root,
    next: (app, atLeast) => Math.max(atLeast, 1, ...numbers(appDir(app)).map((n) => n + 1)),
    async stage(app) {
      const path = temporary(app)
      await mkdir(path, { mode: ROOT_MODE })
      await chmod(path, ROOT_MODE) // Whatever the umask is.
      return path
    },
    async commit(staging, app, number) {
      await mkdir(appDir(app), { recursive: true, mode: 0o700 })
      await sync(generationsDir)
      await sync(staging)
      await rename(staging, root(app, number))
      await sync(appDir(app))
    },
    async link(app, number) {
      const path = temporary('link')
      await symlink(`.generations/${app}/${number}`, path)
      try {
        await rename(path, `${chroots}/${app}`)
      } catch (error) {
        await rm(path, { force: true })
        throw error
      }
      await sync(chroots)
    },
    discard: (app, number) => discard(root(app, number)),
    discardStaging: removeUnmounted,
    async discardApp(app) {
      unlink(app)
      await discard(appDir(app))
    },
    found: () => new Map(readdirSync(generationsDir).map((app) => [app, numbers(appDir(app))])),
    linked,
    unlink,
    async cleanStaging() {
      for (const path of leftovers) await removeUnmounted(path)
    },
  }
}

function numbers(dir: string): number[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map(Number)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** null when it is not a symbolic link. */
function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}

/** fsync(2) of a directory: its entries are on disk. */
async function sync(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
