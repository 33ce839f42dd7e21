// A node's backup, from its directory of apps: the members in the order of protocol/backup.ts.
import { readFileSync, statSync } from 'node:fs'
import {
  BACKUP_APPS,
  BACKUP_END,
  BACKUP_GENERATION,
  BACKUP_HEAD,
  BACKUP_SETTINGS,
  type BackupEnd,
  type BackupRequest,
} from '../../protocol/backup.ts'
import { packTree, TreeMoved, type PackTree } from './pack-tree.ts'

/** As init/supervisor/generation-description.ts reads them. */
const DESCRIPTION_BYTES_MAX = 2 * 1024 * 1024
/** Named in the end; there may be any number. */
const LEFT_OUT_MAX = 100

/** `chroots`: '' when it is the process's own root. Throws an Error for the operator. */
export function packBackup(
  chroots: string,
  { head, settings, generations }: BackupRequest,
  { native, output }: Omit<PackTree, 'leaveOut'>,
): void {
  const createdNs = BigInt(Date.parse(head.createdAt)) * 1_000_000n
  const end: BackupEnd = { members: 0, leftOut: [], leftOutCount: 0 }
  const leaveOut = (path: string, why: string): void => {
    end.leftOutCount++
    if (end.leftOut.length < LEFT_OUT_MAX) end.leftOut.push(`${path}: ${why}`)
  }
  output.addText(BACKUP_HEAD, `${JSON.stringify(head, null, 2)}\n`, createdNs)
  output.addText(BACKUP_SETTINGS, settings, createdNs)
  for (const [index, { name }] of head.apps.entries()) {
    const place = `${chroots}/.generations/${name}/${generations[index] ?? 0}`
    const path = `${BACKUP_APPS}/${name}/${BACKUP_GENERATION}`
    try {
      output.addText(`${path}.json`, readDescription(`${place}.json`), createdNs)
      packTree({ native, output, leaveOut }, place, path)
    } catch (error) {
      throw appError(name, error)
    }
  }
  end.members = output.members
  output.addText(BACKUP_END, `${JSON.stringify(end)}\n`, createdNs)
  output.end()
}

function readDescription(path: string): string {
  if (statSync(path).size > DESCRIPTION_BYTES_MAX) throw new Error(`${path} is too large`)
  return readFileSync(path, 'utf8')
}

/** A push has replaced it, and deleted what was being read. */
function appError(name: string, error: unknown): Error {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  const moved = error instanceof TreeMoved || (code === 'ENOENT' && syscall !== 'write')
  if (!moved) return error as Error
  const why = error instanceof TreeMoved ? message : 'it was replaced'
  return new Error(`the app ${name} can't be packed: ${why}; make the backup again`)
}
