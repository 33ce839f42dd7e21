// Deletes a directory tree in constant memory, without stalling the event loop, whatever an app left there:
// names that are not UTF-8, directories of a million entries, paths deeper than PATH_MAX.
// (fs.promises.rm starts every deletion of a directory at once and needs names that are UTF-8.)
import { lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises'

/** Deeper directories are first moved up, or their paths would pass PATH_MAX (4096). It also bounds
 * the directories open at once, one a level. */
const PATH_BYTES_MAX = 512
/** A directory is listed again while entries appear that the listing missed. */
const PASSES_MAX = 1000

const SLASH = Buffer.from('/')

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Sees what a removal does, and decides what it does about what it can't remove. */
export interface RemovalWatch {
  removed(): void
  /** Whether to empty this directory; false: it stays, and what it is in. */
  enters(directory: Buffer): Promise<boolean>
  /** True: it stays, and what it is in; the rest is removed. It may come more than once for a path. */
  stays(path: Buffer, error: Error): boolean
}

const EVERYTHING: RemovalWatch = {
  removed: () => undefined,
  enters: () => Promise.resolve(true),
  stays: () => false,
}

/**
 * Resolves when nothing is there but what `watch` has let stay; the caller has made sure that nothing is
 * mounted below `path`.
 */
export async function removeTree(
  path: string | Buffer,
  watch: RemovalWatch = EVERYTHING,
): Promise<void> {
  const top = typeof path === 'string' ? Buffer.from(path) : path
  const stat = await lstat(top).catch(ignoring('ENOENT'))
  if (stat === undefined) return
  const removal = { top, watch, moved: 0, removed: 0, left: 0 }
  if (stat.isDirectory()) await emptyAndRemove(removal, top)
  else await attempt(removal, top, () => unlink(top))
}

/** `moved` numbers the directories that were moved up; `left` counts what stays. */
interface Removal {
  top: Buffer
  watch: RemovalWatch
  moved: number
  removed: number
  left: number
}

async function emptyAndRemove(removal: Removal, dir: Buffer): Promise<void> {
  if (!(await removal.watch.enters(dir))) {
    removal.left++
    return
  }
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const { removed, left } = removal
    await attempt(removal, dir, () => empty(removal, dir), 'a step')
    const outcome = await attempt(removal, dir, () => removeEmpty(dir))
    if (outcome !== 'not empty') return
    // What can't be removed has been told; another pass would find it again.
    if (removal.left > left && removal.removed === removed) return
  }
  throw new Error(`${dir.toString()} does not get empty`)
}

async function empty(removal: Removal, dir: Buffer): Promise<void> {
  // Buffers are what opendir gives with this encoding; its type only knows strings.
  const entries = await opendir(dir, { encoding: 'buffer' as BufferEncoding })
  for await (const entry of entries) {
    const path = Buffer.concat([dir, SLASH, entry.name as unknown as Buffer])
    if (!entry.isDirectory()) await attempt(removal, path, () => unlink(path))
    else if (path.length <= PATH_BYTES_MAX) await emptyAndRemove(removal, path)
    else await attempt(removal, path, () => moveUp(removal, path), 'a step')
  }
}

/** Counts a removal; 'a step' is none by itself. Rejects with what `watch` does not let stay. */
async function attempt<T>(
  removal: Removal,
  path: Buffer,
  act: () => Promise<T>,
  kind: 'a removal' | 'a step' = 'a removal',
): Promise<T | undefined> {
  try {
    const result = await act()
    if (kind === 'a removal' && result !== 'not empty') {
      removal.removed++
      removal.watch.removed()
    }
    return result
  } catch (error) {
    if (code(error) === 'ENOENT') return undefined
    if (!removal.watch.stays(path, error as Error)) throw error
    removal.left++
    return undefined
  }
}

async function removeEmpty(dir: Buffer): Promise<'not empty' | undefined> {
  try {
    await rmdir(dir)
    return undefined
  } catch (error) {
    if (code(error) !== 'ENOTEMPTY' && code(error) !== 'EEXIST') throw error
    return 'not empty'
  }
}

/** Its turn comes when the top directory, not empty yet, is listed again. */
async function moveUp(removal: Removal, dir: Buffer): Promise<void> {
  const name = Buffer.from(`.deep-${process.pid}-${removal.moved++}`)
  await rename(dir, Buffer.concat([removal.top, SLASH, name]))
}

const ignoring =
  (expected: string) =>
  (error: unknown): undefined => {
    if (code(error) !== expected) throw error
  }
