// Shell patterns, for interfaces' names and for the files that `source` names.
import type { ConfigFiles } from './configured.ts'

/** `*`, `?` and `[...]`, as fnmatch(3) has them within one part of a path. */
export function globMatches(pattern: string, text: string): boolean {
  const source = pattern.replace(/\*+|\?|\[!?\]?[^\]]*\]|[^*?[]+|\[/g, (part) => {
    if (part.startsWith('*')) return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length < 3 || !part.startsWith('[')) return literal(part)
    const inside = part.slice(1, -1)
    const inverted = inside.startsWith('!')
    const members = (inverted ? inside.slice(1) : inside).replace(/[\\\]^[]/g, '\\$&')
    return `[${inverted ? '^' : ''}${members}]`
  })
  try {
    return new RegExp(`^${source}$`).test(text)
  } catch {
    // A range the wrong way round ([z-a]) matches nothing.
    return false
  }
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')

const PATHS_MAX = 1000

/** The paths that a pattern names, sorted; of one without stars the path itself, whether it is there or not. */
export function expandGlob(files: ConfigFiles, pattern: string): string[] {
  let paths = ['']
  for (const part of pattern.split('/').filter(Boolean)) {
    const isPattern = /[*?[]/.test(part)
    paths = paths.flatMap((path) =>
      isPattern
        ? files
            .list(path === '' ? '/' : path)
            .filter(
              (name) => (part.startsWith('.') || !name.startsWith('.')) && globMatches(part, name),
            )
            .toSorted()
            .map((name) => `${path}/${name}`)
        : [`${path}/${part}`],
    )
    if (paths.length > PATHS_MAX) return paths.slice(0, PATHS_MAX)
  }
  return paths
}
