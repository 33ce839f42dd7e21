// The project's own source files, read once, and what each of them imports.
import { globSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

const OTHERS = new Set(['node_modules', 'build', '.cache', '.git'])

export interface Source {
  /** Relative to the repository, with forward slashes. */
  path: string
  text: string
  /** Imported modules: `node:fs`, a package's name, or a path of this repository. */
  imports: readonly string[]
}

/** The modules that a TypeScript text names in static and dynamic imports, as written. */
export function importsOf(text: string): string[] {
  const code = text.replace(/^\s*\/\/.*$/gm, '')
  const named = code.matchAll(/^(?:import|export)\b[^'";]*?\bfrom\s+'([^']+)'/gm)
  const bare = code.matchAll(/^import\s+'([^']+)'/gm)
  const dynamic = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)
  return [...named, ...bare, ...dynamic].map((match) => match[1] ?? '')
}

function resolve(path: string, module: string): string {
  return module.startsWith('.') ? normalize(join(path, '..', module)) : module
}

function load(pattern: string): Source[] {
  const exclude = (name: string) => OTHERS.has(name)
  return globSync(pattern, { cwd: ROOT, exclude })
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8')
      const imports = path.endsWith('.ts') ? importsOf(text) : []
      return { path, text, imports: imports.map((module) => resolve(path, module)) }
    })
}

export const typescript: readonly Source[] = load('**/*.ts')
export const native: readonly Source[] = load('**/*.{c,cc,h}')
export const scripts: readonly Source[] = load('**/*.{sh,js}')

export const isTest = (path: string): boolean => path.endsWith('.test.ts')
