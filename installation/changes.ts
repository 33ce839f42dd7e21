// Files and links of the old system that change, and change back. Every step is on disk before the next, and
// replaces a whole file: a power cut leaves the old or the new one. Doing it again ends the same.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Change, PathContent } from '../protocol/installation.ts'
import { syncDirectory, writeDurably } from '../sys/durable-file.ts'

const PERMISSIONS = 0o7777

/** What is at `path` below `root`; a file's bytes are kept in `blobs`. Throws Node's fs errors. */
export function capture(blobs: string, path: string): PathContent {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return { kind: 'absent' }
  if (found.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) }
  if (!found.isFile()) throw new Error(`${path} is neither a file nor a link`)
  const { mode, uid, gid } = found
  return fileContent(blobs, readFileSync(path), { mode: mode & PERMISSIONS, uid, gid })
}

/** A file to be, its bytes kept in `blobs`. Throws Node's fs errors. */
export function fileContent(
  blobs: string,
  bytes: Uint8Array | string,
  { mode = 0o644, uid = 0, gid = 0 } = {},
): PathContent {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const path = join(blobs, sha256)
  if (!existsSync(path)) {
    mkdirSync(blobs, { recursive: true, mode: 0o700 })
    writeDurably(path, bytes)
  }
  return { kind: 'file', mode, uid, gid, sha256 }
}

/** Brings every path to its `after`, in order. Throws Node's fs errors. */
export function makeChanges(blobs: string, changes: readonly Change[]): void {
  for (const { path, after } of changes) put(blobs, path, after)
}

/** Brings every path back to its `before`, the last first. Throws Node's fs errors. */
export function takeBack(blobs: string, changes: readonly Change[]): void {
  for (const { path, before } of changes.toReversed()) put(blobs, path, before)
}

/**
 * The same for paths that are still as they were made: what somebody has put there since stays. Throws Node's
 * fs errors.
 */
export function takeBackUntouched(blobs: string, changes: readonly Change[]): void {
  takeBack(blobs, changes.filter(isMade))
}

/** Whether its path is as the change makes it. Throws Node's fs errors. */
export function isMade({ path, after }: Change): boolean {
  return isThere(path, after)
}

function put(blobs: string, path: string, content: PathContent): void {
  if (isThere(path, content)) return
  const partial = `${path}.solocloud`
  rmSync(partial, { force: true })
  switch (content.kind) {
    case 'absent':
      rmSync(path, { force: true })
      break
    case 'link':
      symlinkSync(content.target, partial)
      renameSync(partial, path)
      break
    case 'file':
      writeFile(partial, readFileSync(join(blobs, content.sha256)), content)
      renameSync(partial, path)
      break
  }
  syncDirectory(dirname(path))
}

function writeFile(
  path: string,
  bytes: Buffer,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(fd, bytes)
    chownSync(path, uid, gid)
    chmodSync(path, mode)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function isThere(path: string, content: PathContent): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return content.kind === 'absent'
  if (found.isSymbolicLink())
    return content.kind === 'link' && readlinkSync(path) === content.target
  if (content.kind !== 'file' || !found.isFile()) return false
  const { mode, uid, gid } = content
  return (
    (found.mode & PERMISSIONS) === mode &&
    [found.uid, found.gid].join() === [uid, gid].join() &&
    createHash('sha256').update(readFileSync(path)).digest('hex') === content.sha256
  )
}
