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

/** Resolves when nothing is there; the caller has made sure that nothing is mounted below `path`. */
export async function removeTree(path: string): Promise<void> {
  const top = Buffer.from(path)
  const stat = await lstat(top).catch(ignoring('ENOENT'))
  if (stat === undefined) return
  if (stat.isDirectory()) await emptyAndRemove({ top, moved: 0 }, top)
  else await unlink(top)
}

/** `moved` numbers the directories that were moved up. */
interface Removal {
  top: Buffer
  moved: number
}

async function emptyAndRemove(removal: Removal, dir: Buffer): Promise<void> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    await empty(removal, dir)
    try {
      await rmdir(dir)
      return
    } catch (error) {
      if (code(error) === 'ENOENT') return
      if (code(error) !== 'ENOTEMPTY' && code(error) !== 'EEXIST') throw error
    }
  }
  throw new Error(`${dir.toString()} does not get empty`)
}

async function empty(removal: Removal, dir: Buffer): Promise<void> {
  // Buffers are what opendir gives with this encoding; its type only knows strings.
  const entries = await opendir(dir, { encoding: 'buffer' as BufferEncoding })
  for await (const entry of entries) {
    const path = Buffer.concat([dir, SLASH, entry.name as unknown as Buffer])
    if (!entry.isDirectory()) await unlink(path).catch(ignoring('ENOENT'))
    else if (path.length <= PATH_BYTES_MAX) await emptyAndRemove(removal, path)
    else await moveUp(removal, path)
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
