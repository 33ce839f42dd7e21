// One member of an image that is being built. Times are the same for all, so they are not here.

export interface Entry {
  type: 'file' | 'directory' | 'symlink' | 'link' | 'fifo'
  /** Below the root, without a leading slash; '' is the root itself. */
  path: string
  mode: number
  /** root:root when left out, as everything that comes from a directory of the builder's. */
  owner?: { uid: number; gid: number }
  /** Bytes of content; 0 for what is not a file. */
  size: number
  /** A symbolic link's text or a hard link's target; '' for others. */
  link: string
  /** Exactly `size` bytes. */
  content(): AsyncIterable<Buffer>
}

export const DIRECTORY_MODE = 0o755

export const MANIFEST_PATH = 'image.json'

/** An image's order: the root, then image.json, which a node wants to see early, then by bytes. */
export function comparePaths(a: string, b: string): number {
  const rank = (path: string): number => (path === '' ? 0 : path === MANIFEST_PATH ? 1 : 2)
  return rank(a) - rank(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** What counts of a mode: special bits, execution, and that others may write, which nobody sets by umask. */
export function normalMode(mode: number, isDirectory: boolean): number {
  const base = isDirectory || (mode & 0o111) !== 0 ? DIRECTORY_MODE : 0o644
  return base | (mode & 0o7000) | ((mode & 0o002) === 0 ? 0 : 0o022)
}

export function directoryEntry(path: string, mode = DIRECTORY_MODE): Entry {
  return { type: 'directory', path, mode, size: 0, link: '', content: noContent }
}

export function textEntry(path: string, text: string | Buffer): Entry {
  const bytes = Buffer.from(text)
  // eslint-disable-next-line @typescript-eslint/require-await -- contents are read asynchronously
  async function* content(): AsyncGenerator<Buffer> {
    yield bytes
  }
  return { type: 'file', path, mode: 0o644, size: bytes.length, link: '', content }
}

// eslint-disable-next-line @typescript-eslint/require-await -- see above
export async function* noContent(): AsyncGenerator<Buffer> {
  return
}
