// What `install --restore` learns of the archive before it plans.
import { statSync } from 'node:fs'
import { UnpackError } from '../../chroot-runner/unpack/unpack-error.ts'
import { isAppName } from '../../protocol/app-name.ts'
import type { BackupHead } from '../../protocol/backup.ts'
import { ProtocolError } from '../../protocol/decode.ts'
import { ExitCode, InstallError } from '../errors.ts'
import { BackupError, readStart } from './backup-members.ts'

export interface BackupLook {
  /** Of the archive. */
  path: string
  bytes: number
  head: BackupHead
  /** Those that a machine of another place can have. */
  settings: Readonly<Record<string, string>>
  /** Whether the way in is among its apps. */
  hasSsh: boolean
}

/** The new machine's own say how it is reached. */
const OF_THE_PLACE = ['network', 'address', 'gateway', 'dns'].map((key) => `solocloud.${key}`)
export const SSH_APP = 'ssh'

/** Throws InstallError. */
export async function lookBackup(path: string): Promise<BackupLook> {
  try {
    const { head, settings } = await readStart(path)
    const wrong = head.apps.find(({ name }) => !isAppName(name))
    if (wrong !== undefined) throw new BackupError('it has an app whose name no app can have')
    const kept = Object.entries(settings).filter(([key]) => !OF_THE_PLACE.includes(key))
    return {
      ...{ path, head, settings: Object.fromEntries(kept), bytes: statSync(path).size },
      hasSsh: head.apps.some(({ name }) => name === SSH_APP),
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** A bug stays one. */
export function unreadable(path: string, error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  const isTold =
    error instanceof BackupError || error instanceof UnpackError || error instanceof ProtocolError
  if (!isTold && !/^E[A-Z]+$/.test(code)) return error
  const detail = `${path} can't be restored: ${message.replace(/\.$/, '')}.`
  return new InstallError(ExitCode.failed, 'backup-unreadable', detail)
}
