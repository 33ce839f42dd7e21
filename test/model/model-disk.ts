// The disk as PID 1 sees it: a real directory, on which every call can be PID 1's last, and whose promises are
// kept at once, so that a sequence of events happens the same way every time.
import { currentDescriptors, FIRST_FD, modelFs } from './descriptors.ts'

type Fs = typeof import('node:fs')

const CALLS = [
  ...['openSync', 'closeSync', 'readSync', 'writeSync', 'fsyncSync', 'fdatasyncSync'],
  ...['fstatSync', 'ftruncateSync', 'statSync', 'existsSync', 'readdirSync', 'readlinkSync'],
  ...['readFileSync', 'writeFileSync', 'mkdirSync', 'rmdirSync', 'rmSync', 'renameSync'],
] as const

/** What PID 1 has open on the real disk. */
const open = new Set<number>()

/** node:fs for a whole supervisor. */
export function modelDisk(real: Fs): Fs {
  const fs = modelFs(real)
  const openSync: Fs['openSync'] = (...given) => {
    const fd = fs.openSync(...given)
    if (fd < FIRST_FD) open.add(fd)
    return fd
  }
  const closeSync: Fs['closeSync'] = (fd) => {
    open.delete(fd)
    fs.closeSync(fd)
  }
  const writeSync = (fd: number, ...rest: [string]): number => {
    if (fd < FIRST_FD) return fs.writeSync(fd, ...rest)
    currentDescriptors().pipe(fd, true).waiting.push(Buffer.from(rest[0]))
    return rest[0].length
  }
  const calls = { ...fs, openSync, closeSync, writeSync } as Record<string, unknown>
  for (const name of CALLS) {
    const call = calls[name] as (...given: unknown[]) => unknown
    calls[name] = (...given: unknown[]) => asPidOne(name, () => call(...given))
  }
  return calls as unknown as Fs
}

const asPidOne = <T>(name: string, work: () => T): T => currentDescriptors().pidOne.call(name, work)

/** node:fs/promises for a whole supervisor. */
export function modelPromises(fs: Fs): object {
  // Async, so that what is thrown is a rejection.
  const kept =
    <G extends unknown[], T>(name: string, work: (...given: G) => T) =>
    // eslint-disable-next-line @typescript-eslint/require-await
    async (...given: G): Promise<T> =>
      asPidOne(name, () => work(...given))
  return {
    chmod: kept('chmod', fs.chmodSync),
    mkdir: kept('mkdir', fs.mkdirSync),
    rename: kept('rename', fs.renameSync),
    rm: kept('rm', fs.rmSync),
    symlink: kept('symlink', fs.symlinkSync),
    lstat: kept('lstat', fs.lstatSync),
    rmdir: kept('rmdir', fs.rmdirSync),
    unlink: kept('unlink', fs.unlinkSync),
    opendir: kept('opendir', (path: Buffer) =>
      fs.readdirSync(path, { withFileTypes: true, encoding: 'buffer' }),
    ),
    // Of directories, to have their entries on disk; the model has no power cuts that lose any.
    open: kept('open', () => ({
      sync: kept('fsync', () => undefined),
      close: kept('close', () => undefined),
    })),
  }
}

/** execve closes them. */
export function closeDisk(fs: Fs): void {
  for (const fd of open) fs.closeSync(fd)
  open.clear()
}
export const openOnDisk = (): number => open.size
