// Unpacks the apps of an archive as first generations of a node that has never run.
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Member } from '../../chroot-runner/unpack/tar-members.ts'
import { TreeWriter, type UnpackSystem } from '../../chroot-runner/unpack/tree-writer.ts'
import {
  BACKUP_END,
  BACKUP_GENERATION,
  BACKUP_HEAD,
  BACKUP_SETTINGS,
  backupEnd,
  type BackupEnd,
} from '../../protocol/backup.ts'
import { syncDirectory, writeDurably } from '../../sys/durable-file.ts'
import { BACKUP_LIMITS, BackupError, backupMembers, jsonOf } from './backup-members.ts'
import { unreadable, type BackupLook } from './look-backup.ts'

/** apps/NAME/1.json, apps/NAME/1, apps/NAME/1/... */
const PLACE = new RegExp(`^apps/([^/]+)/${BACKUP_GENERATION}(\\.json$|/|$)`)

/**
 * `chroots` is there and has none of these apps. All of it is on disk when this resolves. Rejects with
 * InstallError, and then some of it may be there.
 */
export async function restoreApps(
  backup: BackupLook,
  chroots: string,
  system: UnpackSystem,
): Promise<BackupEnd> {
  try {
    const restoring = new Restoring(backup, chroots, system)
    for await (const member of backupMembers(backup.path)) await restoring.take(member)
    return restoring.finish()
  } catch (error) {
    throw unreadable(backup.path, error)
  }
}

class Restoring {
  readonly #names: ReadonlySet<string>
  readonly #chroots: string
  readonly #system: UnpackSystem
  readonly #described = new Set<string>()
  readonly #unpacked = new Set<string>()
  #tree: { app: string; writer: TreeWriter } | null = null
  #members = 0
  #end: BackupEnd | null = null

  constructor(backup: BackupLook, chroots: string, system: UnpackSystem) {
    this.#names = new Set(backup.head.apps.map(({ name }) => name))
    this.#chroots = chroots
    this.#system = system
  }

  async take(member: Member): Promise<void> {
    if (this.#end !== null) throw new BackupError('it goes on after its end')
    if (member.path === BACKUP_END) {
      this.#end = backupEnd(await jsonOf(member), BACKUP_END)
      if (this.#end.members !== this.#members)
        throw new BackupError(`it has ${this.#members} of its ${this.#end.members} members`)
      return
    }
    this.#members++
    if (member.path === BACKUP_HEAD || member.path === BACKUP_SETTINGS) return
    const [whole, app = '', rest] = PLACE.exec(member.path) ?? []
    if (whole === undefined || !this.#names.has(app))
      throw new BackupError(`it has ${JSON.stringify(member.path)}, which is of none of its apps`)
    if (rest === '.json') await this.#describe(app, member)
    else await this.#writerOf(app).add(within(member, `apps/${app}/${BACKUP_GENERATION}`))
  }

  /** Throws BackupError when something is missing. */
  finish(): BackupEnd {
    this.#tree?.writer.finish()
    if (this.#end === null) throw new BackupError('it is cut short: make the backup again')
    for (const app of this.#names) {
      if (!this.#described.has(app) || !this.#unpacked.has(app))
        throw new BackupError(`it lacks the app ${app}`)
      symlinkSync(`.generations/${app}/${BACKUP_GENERATION}`, join(this.#chroots, app))
    }
    syncDirectory(this.#chroots)
    return this.#end
  }

  async #describe(app: string, member: Member): Promise<void> {
    if (this.#described.has(app)) throw new BackupError(`it has the app ${app} twice`)
    const text = `${JSON.stringify(await jsonOf(member))}\n`
    mkdirSync(this.#place(app), { recursive: true, mode: 0o700 })
    writeDurably(join(this.#place(app), `${BACKUP_GENERATION}.json`), text)
    this.#described.add(app)
  }

  /** One app comes after another. */
  #writerOf(app: string): TreeWriter {
    if (this.#tree?.app === app) return this.#tree.writer
    this.#tree?.writer.finish()
    if (this.#unpacked.has(app)) throw new BackupError(`it has the app ${app} twice`)
    const root = join(this.#place(app), `${BACKUP_GENERATION}`)
    mkdirSync(root, { recursive: true, mode: 0o700 })
    const writer = new TreeWriter(root, this.#system, {
      ...{ limits: BACKUP_LIMITS, ignoreOwners: false },
    })
    this.#tree = { app, writer }
    this.#unpacked.add(app)
    return writer
  }

  #place(app: string): string {
    return join(this.#chroots, '.generations', app)
  }
}

/** As the app has it; of a hard link the target too. */
function within(member: Member, root: string): Member {
  const inside = (path: string): string => path.slice(root.length + 1)
  if (member.type !== 'link') return { ...member, path: inside(member.path) }
  if (!member.link.startsWith(`${root}/`))
    throw new BackupError(`${JSON.stringify(member.path)} is a hard link out of its app`)
  return { ...member, path: inside(member.path), link: inside(member.link) }
}
