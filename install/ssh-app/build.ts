// Makes the app `ssh` of its plan, as a directory that is a generation's root. Nothing of the old system changes.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../../image-builder/entry.ts'
import { comparePaths, directoryEntry, noContent, textEntry } from '../../image-builder/entry.ts'
import { digestOf } from '../../image-builder/pack.ts'
import { fileEntry } from '../../image-builder/scan.ts'
import { readElf } from '../../image-builder/elf.ts'
import type { Manifest } from '../../protocol/image.ts'
import { parseManifest } from '../../protocol/manifest.ts'
import { syncDirectory } from '../../sys/durable-file.ts'
import { SshAppError, type Member, type Run, type SshAppPlan } from './ssh-app-plan.ts'

export interface BuiltSshApp {
  manifest: Manifest
  /** Of the image that has these members, `sha256:hex`. */
  digest: string
}

/**
 * Writes the app's root to `target`, which must not be there yet; its parents are. All of it is on disk when
 * this resolves. Rejects with SshAppError or Node's fs errors, and then `target` is gone again.
 */
export async function buildSshApp(
  plan: SshAppPlan,
  run: Run,
  target: string,
): Promise<BuiltSshApp> {
  if (plan.problems.length > 0) throw new SshAppError(plan.problems.join('; '))
  if (existsSync(target)) throw new SshAppError(`${target} is there already`)
  const entries = sshAppEntries(plan)
  try {
    mkdirSync(target)
    chmodSync(target, 0o755)
    for (const entry of entries) await write(target, entry)
    checkPrograms(plan, run, target)
    for (const { type, path } of entries)
      if (type === 'directory') syncDirectory(join(target, path))
    const manifest = parseManifest(Buffer.from(textOf(plan, '/image.json')))
    return { manifest, digest: await digestOf(entries, new Date(0)) }
  } catch (error) {
    rmSync(target, { recursive: true, force: true })
    throw error
  }
}

/** The plan as an image's entries, which read the old system's files when they are asked for. */
export function sshAppEntries({ members }: SshAppPlan): Entry[] {
  const entries = [directoryEntry(''), ...members.map(entryOf)]
  return entries.sort((a, b) => comparePaths(a.path, b.path))
}

function entryOf(member: Member): Entry {
  const { path, mode, uid, gid } = member
  const own = { mode, owner: { uid, gid } }
  const name = path.slice(1)
  switch (member.kind) {
    case 'directory':
      return { ...directoryEntry(name), ...own }
    case 'link': {
      const link = { type: 'symlink', path: name, size: 0, link: member.target } as const
      return { ...link, ...own, content: noContent }
    }
    case 'text':
      return { ...textEntry(name, Buffer.from(member.text, 'latin1')), ...own }
    case 'copy':
      return { ...fileEntry(name, member.from, statSync(member.from), mode), ...own }
  }
}

async function write(target: string, entry: Entry): Promise<void> {
  const { type, path, mode, owner = { uid: 0, gid: 0 }, link } = entry
  const place = join(target, path)
  if (type === 'directory' && path !== '') mkdirSync(place)
  else if (type === 'symlink') symlinkSync(link, place)
  else if (type === 'file') await writeContent(place, entry)
  lchownSync(place, owner.uid, owner.gid)
  // After the owner: chown(2) takes the special bits away.
  if (type !== 'symlink') chmodSync(place, mode)
}

async function writeContent(place: string, entry: Entry): Promise<void> {
  const fd = openSync(place, 'wx', 0o600)
  try {
    for await (const chunk of entry.content()) writeFileSync(fd, chunk)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Every library is found where the app has it: its own ld.so says so. */
function checkPrograms({ programs, members }: SshAppPlan, run: Run, target: string): void {
  const copied = new Set(members.flatMap(({ kind, path }) => (kind === 'copy' ? [path] : [])))
  for (const program of programs.filter((path) => copied.has(path))) {
    const interpreter = readElf(join(target, program))?.interpreter ?? null
    if (interpreter === null) continue
    const { status, stderr } = run('chroot', [target, interpreter, '--list', program])
    if (status !== 0)
      throw new SshAppError(
        `${program} lacks something in the app: ${stderr.trim() || 'it does not start'}`,
      )
  }
}

function textOf({ members }: SshAppPlan, path: string): string {
  const member = members.find((one) => one.path === path)
  if (member?.kind === 'text') return member.text
  throw new Error(`BUG: no ${path} in the app`)
}
