// What an image's manifest starts, and what has to be added to the directory so that it can start.
import { closeSync, openSync, readSync } from 'node:fs'
import { posix } from 'node:path'
import type { Manifest } from '../protocol/image.ts'
import { BuildError } from './build-error.ts'
import { closureOf } from './closure.ts'
import { readElf } from './elf.ts'
import type { Entry } from './entry.ts'
import type { ImageRoot } from './image-root.ts'
import { nodeRuntime } from './node-runtime.ts'
import type { Payload } from './payload.ts'

export interface ProgramOptions {
  root: ImageRoot
  manifest: Manifest
  payload: Payload
  hostDirectories: readonly string[]
}

export interface Program {
  added: Entry[]
  /** What must stand in place of the command's first word; null when that may stay. */
  command: string[] | null
}

/** Where an app without PATH looks (execvp(3) as Docker has it). */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const NODE_DIRECTORY = '/usr/bin'
/** What the kernel reads of a script's first line (BINPRM_BUF_SIZE). */
const FIRST_LINE_BYTES = 256
/** A script may be run by a script, as deep as the kernel goes. */
const SCRIPTS_MAX = 4

/** Throws BuildError when the program or something that it needs is missing. */
export function completeProgram(options: ProgramOptions): Program {
  const { manifest } = options
  const word = manifest.config.Entrypoint[0] ?? manifest.config.Cmd[0] ?? ''
  return complete(word, options, 0)
}

function complete(word: string, options: ProgramOptions, depth: number): Program {
  const { root } = options
  const path = locate(word, options)
  if (path === null) {
    if (posix.basename(word) === 'node') return { added: addNode(word, options), command: null }
    throw new BuildError(
      'program-incomplete',
      `image.json starts ${word}, which the directory does not have; add it or correct the path`,
    )
  }
  if (readElf(root.hostPath(path)) !== null)
    return { added: closureOf(path, options), command: null }
  const line = firstLine(root.hostPath(path))
  if (line === null || depth >= SCRIPTS_MAX) {
    throw new BuildError('program-incomplete', `${path} is neither an ELF program nor a script`)
  }
  return completeScript(path, line, options, depth)
}

function completeScript(
  script: string,
  line: string,
  options: ProgramOptions,
  depth: number,
): Program {
  const [interpreter = '', argument = ''] = line.split(/\s+/)
  if (posix.basename(interpreter) !== 'env') {
    return { ...complete(interpreter, options, depth + 1), command: null }
  }
  if (options.root.find(interpreter)) {
    const words = /^[-]|=|^$/.test(argument) ? [interpreter] : [interpreter, argument]
    return {
      added: words.flatMap((word) => complete(word, options, depth + 1).added),
      command: null,
    }
  }
  if (argument === 'node') {
    return { ...complete('node', options, depth + 1), command: ['node', script] }
  }
  throw new BuildError(
    'program-incomplete',
    `${script} is run by "${line}", and the directory has no ${interpreter}; add it`,
  )
}

/** The file that the app would run for `word`, without symbolic links; null when there is none. */
function locate(word: string, { root, manifest }: ProgramOptions): string | null {
  const directories = word.includes('/') ? [manifest.config.WorkingDir] : searchPath(manifest)
  for (const directory of directories) {
    const found = root.find(posix.resolve(directory, word))
    if (found?.stats.isFile()) return found.path
  }
  return null
}

function searchPath(manifest: Manifest): string[] {
  const variable = manifest.config.Env.find((word) => word.startsWith('PATH='))
  return (variable?.slice('PATH='.length) ?? DEFAULT_PATH).split(':').filter(Boolean)
}

function addNode(word: string, { root, manifest, payload }: ProgramOptions): Entry[] {
  const path = searchPath(manifest)
  const directory = path.includes(NODE_DIRECTORY) ? NODE_DIRECTORY : (path[0] ?? NODE_DIRECTORY)
  const place = word.includes('/')
    ? posix.resolve(manifest.config.WorkingDir, word)
    : posix.join(directory, word)
  return nodeRuntime(place, root, manifest.architecture, payload)
}

/** What stands behind `#!`; null for a file that is no script. */
function firstLine(hostPath: string): string | null {
  const fd = openSync(hostPath, 'r')
  try {
    const bytes = Buffer.alloc(FIRST_LINE_BYTES)
    const length = readSync(fd, bytes, 0, bytes.length, 0)
    return /^#![ \t]*(\S[^\n]*)/.exec(bytes.toString('utf8', 0, length))?.[1]?.trim() ?? null
  } finally {
    closeSync(fd)
  }
}
