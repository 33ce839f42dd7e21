// Planned changes as the record has them: with what is there now, and with all bytes kept.
import { lstatSync } from 'node:fs'
import { capture, fileContent } from '../../installation/changes.ts'
import type { Change, PathContent } from '../../protocol/installation.ts'
import type { PlannedChange } from '../plan/install-plan.ts'

/** `at`: where a path of the plan is. Throws Node's fs errors. */
export function changesOf(
  blobs: string,
  planned: readonly PlannedChange[],
  at: (path: string) => string,
): Change[] {
  return planned.map(({ path, becomes }) => {
    const before = capture(blobs, at(path))
    return { path: at(path), before, after: contentOf(blobs, becomes, at(path)) }
  })
}

function contentOf(blobs: string, becomes: PlannedChange['becomes'], path: string): PathContent {
  if (becomes.kind === 'link') return becomes
  // A file that is there keeps its owner and permissions.
  const found = lstatSync(path, { throwIfNoEntry: false })
  const access =
    found?.isFile() === true
      ? { mode: found.mode & 0o7777, uid: found.uid, gid: found.gid }
      : { mode: becomes.permissions }
  return fileContent(blobs, Buffer.from(becomes.text, 'latin1'), access)
}
