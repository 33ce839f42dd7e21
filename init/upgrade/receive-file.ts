// Writes the body of an upgrade to its file, of which nothing is believed before all of it is there.
import { createHash } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { AppError } from '../supervisor/apps.ts'
import type { UpgradeFile } from '../http/node-control.ts'

const MODE = 0o755
/** How much comes between two reports. */
const REPORT_BYTES = 1024 * 1024

/**
 * A file at `path` that was not there, with the body's bytes, on the disk. Rejects with AppError when there
 * are more, fewer or other bytes than announced, or no room; the file is gone then.
 */
export async function receiveFile(
  path: string,
  file: UpgradeFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const handle = await open(path, 'wx', MODE)
  try {
    try {
      await handle.chmod(MODE) // whatever the umask is
      await write(handle, file, onBytes)
      await handle.sync()
    } finally {
      await handle.close() // A file that is open for writing can't be executed.
    }
  } catch (error) {
    await rm(path, { force: true })
    throw explained(error)
  }
}

async function write(
  handle: FileHandle,
  { body, bytes, sha256 }: UpgradeFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const hash = createHash('sha256')
  let done = 0
  let reported = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    done += chunk.length
    if (done > bytes) break
    hash.update(chunk)
    await writeAll(handle, chunk)
    if (done - reported < REPORT_BYTES) continue
    reported = done
    onBytes(done)
  }
  if (done !== bytes) throw lost()
  onBytes(done)
  if (hash.digest('hex') !== sha256) {
    throw new AppError(
      'digest-mismatch',
      'The file is not what its Repr-Digest says; it changed on its way, send it again.',
    )
  }
}

/** A write to a disk that is nearly full may be a short one. */
async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    at += (await handle.write(chunk, at, chunk.length - at)).bytesWritten
  }
}

/** The body speaks of images: that is what it mostly is. */
function explained(error: unknown): unknown {
  if (error instanceof AppError) {
    if (error.code === 'connection-lost') return lost()
    if (error.code !== 'push-stalled') return error
    return new AppError(error.code, 'The file stopped coming; check the connection and try again.')
  }
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull()
  return error
}

export function diskFull(): AppError {
  return new AppError(
    'disk-full',
    "There is no room for the new file on the node's disk; stop an app first.",
  )
}

function lost(): AppError {
  return new AppError(
    'connection-lost',
    'The connection broke before the whole file had come; send it again.',
  )
}
