// `cloud image build`: a directory with an image.json becomes an image, the same bytes every time.
import { readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Manifest } from '../protocol/image.ts'
import { ManifestError, parseManifest } from '../protocol/manifest.ts'
import { BuildError } from './build-error.ts'
import { comparePaths, directoryEntry, type Entry, MANIFEST_PATH, textEntry } from './entry.ts'
import { ImageRoot } from './image-root.ts'
import { hostDirectories } from './library-path.ts'
import { codecFor, pack, type Packed } from './pack.ts'
import { ownPayload, type Payload } from './payload.ts'
import { completeProgram, type Program } from './program.ts'
import { scan } from './scan.ts'
import { userEntries } from './users.ts'

export interface BuildOptions {
  /** Where a Node.js for the app comes from; the file that runs when left out. */
  payload?: Payload
  /** Where this machine has libraries; what its ld.so searches when left out. */
  hostDirectories?: readonly string[]
  /** Every member's time, seconds since 1970; SOURCE_DATE_EPOCH when left out, else 0. */
  sourceDateEpoch?: number
  onProgress?: (progress: BuildProgress) => void
}

/** Bytes of the members' contents: read so far, and in all. */
export interface BuildProgress {
  bytes: number
  totalBytes: number
}

export interface Built extends Packed {
  manifest: Manifest
  entries: number
  /** Paths that the directory lacked and the image has. */
  added: string[]
}

const TMP_MODE = 0o1777

/** Throws BuildError; then `outFile` is as it was before. An existing one is replaced. */
export async function build(
  directory: string,
  outFile: string,
  options: BuildOptions = {},
): Promise<Built> {
  codecFor(outFile)
  checkPlace(directory, outFile)
  const root = new ImageRoot(resolve(directory))
  const text = readManifest(root)
  const manifest = checkManifest(text)
  const { entries, added } = collect(root, text, manifest, options)
  const totalBytes = entries.reduce((sum, { size }) => sum + size, 0)
  const report = (bytes: number): void => options.onProgress?.({ bytes, totalBytes })
  const temporary = `${outFile.replace(/[^/]*$/, '')}.${process.pid}.${outFile.replace(/^.*\//, '')}`
  try {
    const packed = await pack(entries, timeOf(options), temporary, report)
    renameSync(temporary, outFile)
    return { ...packed, manifest, entries: entries.length, added }
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** The next build would find the image in its own directory. */
function checkPlace(directory: string, outFile: string): void {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new BuildError('directory-refused', `${directory} is not a directory`)
  }
  if (!`${resolve(outFile)}/`.startsWith(`${resolve(directory)}/`)) return
  throw new BuildError(
    'output-refused',
    `${outFile} lies in the directory that is packed; write it elsewhere`,
  )
}

function readManifest(root: ImageRoot): string {
  try {
    return readFileSync(join(root.directory, MANIFEST_PATH), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new BuildError(
      'manifest-invalid',
      `${root.directory} has no image.json; it says at least {"architecture": "amd64", ` +
        '"config": {"Entrypoint": ["/bin/app"]}}',
    )
  }
}

function checkManifest(text: string): Manifest {
  try {
    return parseManifest(Buffer.from(text))
  } catch (error) {
    if (error instanceof ManifestError) throw new BuildError('manifest-invalid', error.message)
    throw error
  }
}

function collect(
  root: ImageRoot,
  text: string,
  manifest: Manifest,
  options: BuildOptions,
): { entries: Entry[]; added: string[] } {
  const program = completeProgram({
    root,
    manifest,
    payload: options.payload ?? ownPayload,
    hostDirectories: options.hostDirectories ?? hostDirectories(manifest.architecture),
  })
  const byPath = new Map(scan(root.directory).map((entry) => [entry.path, entry]))
  byPath.set(MANIFEST_PATH, textEntry(MANIFEST_PATH, withCommand(text, program)))
  const added = [...program.added, ...userEntries(manifest, root)]
  if (!root.find('/tmp')) added.push(directoryEntry('tmp', TMP_MODE))
  for (const entry of added) addWithParents(byPath, entry)
  byPath.set('', directoryEntry(''))
  const entries = [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path))
  return { entries, added: [...new Set(added.map(({ path }) => `/${path}`))] }
}

/** image.json as it was written, unless the command's first word has to be others. */
function withCommand(text: string, { command }: Program): string {
  if (command === null) return text
  const raw = JSON.parse(text) as { config: { Entrypoint?: string[]; Cmd?: string[] } }
  const { config } = raw
  if (config.Entrypoint && config.Entrypoint.length > 0) {
    config.Entrypoint = [...command, ...config.Entrypoint.slice(1)]
  } else {
    config.Cmd = [...command, ...(config.Cmd ?? []).slice(1)]
  }
  return `${JSON.stringify(raw, null, 2)}\n`
}

function addWithParents(byPath: Map<string, Entry>, entry: Entry): void {
  const parts = entry.path.split('/')
  for (let length = 1; length < parts.length; length++) {
    const parent = parts.slice(0, length).join('/')
    if (!byPath.has(parent)) byPath.set(parent, directoryEntry(parent))
  }
  byPath.set(entry.path, entry)
}

function timeOf({ sourceDateEpoch }: BuildOptions): Date {
  const word = process.env['SOURCE_DATE_EPOCH'] ?? '0'
  const seconds = sourceDateEpoch ?? (/^\d{1,11}$/.test(word) ? Number(word) : Number.NaN)
  if (Number.isSafeInteger(seconds)) return new Date(seconds * 1000)
  throw new BuildError(
    'output-refused',
    `SOURCE_DATE_EPOCH is "${word}"; it must be seconds since 1970`,
  )
}
