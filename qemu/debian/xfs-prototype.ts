// A directory as mkfs.xfs(8) takes it: a prototype file, so that an XFS is filled without being mounted.
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

// The first two lines are an historical boot image and sizes, which mkfs.xfs reads and ignores.
const HEADER = ['/', '0 0']

/**
 * Times, sticky bits and which names are one file (hard links) are lost: the format has no place for them.
 * Throws on a name with a space, for which it has none either.
 */
export async function xfsPrototype(dir: string): Promise<string> {
  return [...HEADER, await entry(dir), ...(await contents(dir)), '$', '$', ''].join('\n')
}

async function contents(dir: string): Promise<string[]> {
  const lines: string[] = []
  for (const name of (await readdir(dir)).toSorted()) {
    const path = join(dir, name)
    const words = await entry(path)
    if (/\s/.test(path)) throw new Error(`${path}: a name with a space has no place in a prototype`)
    lines.push(`${name} ${words}`)
    if (words.startsWith('d')) lines.push(...(await contents(path)), '$')
  }
  return lines
}

/** Type, set-id bits and permissions, owner, group, and what the type asks for. */
async function entry(path: string): Promise<string> {
  const stat = await lstat(path)
  const [type, rest] = await kind(path, stat)
  const setUid = stat.mode & 0o4000 ? 'u' : '-'
  const setGid = stat.mode & 0o2000 ? 'g' : '-'
  const mode = (stat.mode & 0o777).toString(8).padStart(3, '0')
  return [`${type}${setUid}${setGid}${mode}`, stat.uid, stat.gid, ...rest].join(' ')
}

type Stat = Awaited<ReturnType<typeof lstat>>

async function kind(path: string, stat: Stat): Promise<[type: string, rest: (string | number)[]]> {
  if (stat.isDirectory()) return ['d', []]
  if (stat.isFile()) return ['-', [path]]
  if (stat.isSymbolicLink()) return ['l', [await readlink(path)]]
  if (stat.isFIFO()) return ['p', []]
  if (stat.isCharacterDevice()) return ['c', deviceNumbers(Number(stat.rdev))]
  if (stat.isBlockDevice()) return ['b', deviceNumbers(Number(stat.rdev))]
  throw new Error(`${path}: neither a file, a directory, a link nor a device`)
}

/** Major and minor, of those that fit the old eight bits each (makedev(3)). */
const deviceNumbers = (device: number): [number, number] => [device >> 8, device & 0xff]
