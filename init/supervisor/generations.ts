// The directories of /chroots. A generation appears under its number only when it is complete, and what is
// to be deleted first leaves its name, so that a power cut at any moment leaves whole things only.
// Beside each, <number>.json says what it is: written before it and deleted after it.
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { chmod, mkdir, open, rename, rm, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { partialPath } from '../../sys/durable-file.ts'
import type { Generation } from '../state/state.ts'
import { readDescription, writeDescription } from './generation-description.ts'
import type { Mounts } from './mounts.ts'
import { removeTree } from './remove-tree.ts'

export interface Generations {
  root(app: string, number: number): string
  /** A number that was never used, also not by a directory that nobody knows of. */
  next(app: string, atLeast: number): number
  /** An empty directory to unpack into. */
  stage(app: string): Promise<string>
  /** Gives a complete directory its number, and writes down what it is. Both are on disk when this resolves. */
  commit(staging: string, app: string, generation: Generation): Promise<void>
  /** What `commit` wrote down; null when that is missing or damaged. */
  describe(app: string, number: number): Generation | null
  /** Writes it down when it is missing: generations of earlier versions have nothing beside them. */
  record(app: string, generation: Generation): void
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
  /** Deletes what the life before this one left in staging, and descriptions without a generation. */
  cleanLeftovers(): Promise<void>
}

/** The app's own root: its user must be able to enter it. Only /chroots itself is closed. */
const ROOT_MODE = 0o755

export function createGenerations(chroots: string, mounts: Mounts): Generations {
  const stagingDir = `${chroots}/.staging`
  const generationsDir = `${chroots}/.generations`
  const appDir = (app: string): string => `${generationsDir}/${app}`
  const root = (app: string, number: number): string => `${appDir(app)}/${number}`
  const descriptionPath = (app: string, number: number): string => `${root(app, number)}.json`
  makeDirectories([chroots, stagingDir, generationsDir])
  const found = (): Map<string, number[]> =>
    new Map(entries(generationsDir).map((app) => [app, numbers(appDir(app))]))
  const leftovers = orNothing(() => entries(stagingDir)).map((name) => `${stagingDir}/${name}`)
  const strays = orNothing(() => [...found()].flatMap(([app]) => straysIn(appDir(app))))
  const taken = new Set(leftovers)
  /** What is left of these is deleted by its number, maybe when the app has long been removed and pushed again. */
  const highest = new Map(
    orNothing(() =>
      entries(generationsDir).map(
        (app) => [app, Math.max(0, ...usedNumbers(appDir(app)))] as const,
      ),
    ),
  )
  let used = 0
  const temporary = (what: string): string => {
    for (;;) {
      const path = `${stagingDir}/${what}-${used++}`
      if (!taken.has(path)) return path
    }
  }

  const linked = (app: string): number | null => {
    const match = /^\.generations\/([^/]+)\/(\d+)$/.exec(linkTarget(`${chroots}/${app}`) ?? '')
    return match?.[1] === app ? Number(match[2]) : null
  }
  const unlink = (app: string): void => {
    if (linked(app) !== null) rmSync(`${chroots}/${app}`, { force: true })
  }

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
    next: (app, atLeast) => {
      const used = [0, highest.get(app) ?? 0, ...usedNumbers(appDir(app))]
      return Math.max(atLeast, ...used.map((number) => number + 1))
    },
    async stage(app) {
      const path = temporary(app)
      await mkdir(stagingDir, { recursive: true, mode: 0o700 })
      await mkdir(path, { mode: ROOT_MODE })
      await chmod(path, ROOT_MODE) // Whatever the umask is.
      return path
    },
    async commit(staging, app, generation) {
      const description = descriptionPath(app, generation.number)
      // At once, so that `removeIfEmpty` never comes in between.
      mkdirSync(appDir(app), { recursive: true, mode: 0o700 })
      writeDescription(description, generation)
      try {
        await sync(generationsDir)
        await sync(staging)
        await rename(staging, root(app, generation.number))
      } catch (error) {
        rmSync(description, { force: true })
        removeIfEmpty(appDir(app))
        throw error
      }
      await sync(appDir(app))
    },
    describe: (app, number) => readDescription(descriptionPath(app, number), number),
    record(app, generation) {
      const path = descriptionPath(app, generation.number)
      if (existsSync(root(app, generation.number)) && !existsSync(path))
        writeDescription(path, generation)
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
    async discard(app, number) {
      await discard(root(app, number))
      rmSync(descriptionPath(app, number), { force: true })
      removeIfEmpty(appDir(app))
    },
    discardStaging: removeUnmounted,
    async discardApp(app) {
      unlink(app)
      await discard(appDir(app))
    },
    found,
    linked,
    unlink,
    async cleanLeftovers() {
      for (const path of leftovers) await removeUnmounted(path)
      for (const path of strays) rmSync(path, { force: true })
      for (const app of found().keys()) removeIfEmpty(appDir(app))
    },
  }
}

/** A disk that takes none must not keep the node from coming up: the next push says why it can't be. */
function makeDirectories(paths: readonly string[]): void {
  orNothing(() => {
    for (const path of paths) mkdirSync(path, { recursive: true, mode: 0o700 })
    return []
  })
}

/** For what may wait: tidying up after an earlier life. */
function orNothing<T>(list: () => T[]): T[] {
  try {
    return list()
  } catch {
    return []
  }
}

/** An app's directory, when nothing is left of the app. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch (error) {
    if (
      !['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      throw error
  }
}

const GENERATION = /^([1-9]\d*)$/
const DESCRIPTION = /^([1-9]\d*)\.json$/
const PARTIAL = /^([1-9]\d*)\.json\.partial$/

const numbers = (dir: string): number[] => numbered(dir, GENERATION)

/** A number is used as long as anything has it: what an earlier life left is deleted in its own time. */
const usedNumbers = (dir: string): number[] =>
  [GENERATION, DESCRIPTION, PARTIAL].flatMap((pattern) => numbered(dir, pattern))

/** Paths of what a power cut has left in an app's directory, beside its generations. */
function straysIn(dir: string): string[] {
  const complete = numbers(dir)
  const lonely = numbered(dir, DESCRIPTION).filter((number) => !complete.includes(number))
  const partial = numbered(dir, PARTIAL).map((number) => partialPath(`${dir}/${number}.json`))
  return [...lonely.map((number) => `${dir}/${number}.json`), ...partial]
}

function numbered(dir: string, pattern: RegExp): number[] {
  return entries(dir).flatMap((name) => {
    const digits = pattern.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
}

/** The names in a directory; none where there is no such directory. */
function entries(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
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
