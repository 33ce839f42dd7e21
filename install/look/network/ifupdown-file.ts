// Debian's /etc/network/interfaces as stanzas (interfaces(5)), with what it sources.
import { posix } from 'node:path'
import type { ConfigFiles } from './configured.ts'
import { expandGlob } from './glob.ts'

export interface Stanza {
  path: string
  /** `iface`, `auto`, `mapping` ... */
  keyword: string
  words: readonly string[]
  /** The lines below it, in order; a name can come again. */
  options: [name: string, value: string][]
}

const INTERFACES = '/etc/network/interfaces'

/** Files that source each other end here. */
const FILES_MAX = 200
/** ifupdown's own bound of nesting. */
const DEPTH_MAX = 10

export function readStanzas(files: ConfigFiles): Stanza[] {
  return new Reader(files).read(INTERFACES, 0)
}

class Reader {
  readonly #files: ConfigFiles
  #left = FILES_MAX

  constructor(files: ConfigFiles) {
    this.#files = files
  }

  read(path: string, depth: number): Stanza[] {
    if (depth > DEPTH_MAX || this.#left-- <= 0) return []
    const text = this.#files.read(path)
    if (text === null) return []
    const stanzas: Stanza[] = []
    // What a file sources ends the stanza before it, as for ifupdown.
    let open: Stanza | null = null
    for (const line of logicalLines(text)) {
      const [keyword = '', ...words] = line.split(/\s+/)
      if (keyword === 'source' || keyword === 'source-directory') {
        stanzas.push(...this.#source(keyword, words, path, depth))
        open = null
      } else if (isStanza(keyword)) {
        open = { path, keyword, words, options: [] }
        stanzas.push(open)
      } else {
        open?.options.push([keyword, line.slice(keyword.length).trim()])
      }
    }
    return stanzas
  }

  #source(keyword: string, words: readonly string[], from: string, depth: number): Stanza[] {
    const paths = words.flatMap((word) =>
      expandGlob(this.#files, posix.resolve(posix.dirname(from), word)),
    )
    return paths.flatMap((path) =>
      keyword === 'source-directory' || this.#files.read(path) === null
        ? this.#directory(path, depth)
        : this.read(path, depth + 1),
    )
  }

  /** Only files with names like run-parts(8) wants them. */
  #directory(path: string, depth: number): Stanza[] {
    return this.#files
      .list(path)
      .filter((name) => /^[\w-]+$/.test(name))
      .toSorted()
      .flatMap((name) => this.read(`${path}/${name}`, depth + 1))
  }
}

function isStanza(keyword: string): boolean {
  return (
    keyword === 'iface' ||
    keyword === 'template' ||
    keyword === 'mapping' ||
    keyword === 'rename' ||
    /^(auto|allow-[\w-]+|no-auto-down|no-scripts)$/.test(keyword)
  )
}

/** Without comments and empty lines; a backslash at a line's end goes on with the next. */
function logicalLines(text: string): string[] {
  const lines: string[] = []
  let begun = ''
  for (const line of text.split(/\r?\n/)) {
    if (begun === '' && /^\s*#/.test(line)) continue
    if (line.endsWith('\\')) {
      begun += `${line.slice(0, -1)} `
      continue
    }
    lines.push((begun + line).trim())
    begun = ''
  }
  lines.push(begun.trim())
  return lines.filter(Boolean)
}
