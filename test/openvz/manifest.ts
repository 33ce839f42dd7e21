// What a root file system is made of, path by path, to compare it later.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'

/** What a system that runs writes by itself, or keeps in memory. */
const LEFT_OUT = ['/dev', '/proc', '/run', '/sys', '/tmp', '/var/log', '/var/tmp']

/** A line for each path below `root`, sorted: mode and owner, and the bytes of a file or the target of a link. */
export function manifestOf(root: string): string[] {
  const lines: string[] = []
  const add = (path: string): void => {
    const found = lstatSync(join(root, path))
    const access = `${found.mode.toString(8)} ${found.uid}:${found.gid}`
    lines.push(`${path} ${access} ${contentOf(join(root, path), found)}`.trimEnd())
    if (!found.isDirectory() || LEFT_OUT.includes(path)) return
    for (const name of readdirSync(join(root, path))) add(join(path, name))
  }
  add('/')
  return lines.toSorted()
}

function contentOf(path: string, found: Stats): string {
  if (found.isSymbolicLink()) return `-> ${readlinkSync(path)}`
  if (!found.isFile()) return ''
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** The lines that only one of them has: those of `before` with a minus, those of `after` with a plus. */
export function differences(before: readonly string[], after: readonly string[]): string[] {
  const [old, now] = [new Set(before), new Set(after)]
  return [
    ...before.filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ]
}
