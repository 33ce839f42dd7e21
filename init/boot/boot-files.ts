// The file operations of booting, as an argument: tests have no /dev of their own to make.
import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { makeDirectory } from './make-directory.ts'

/** Everything throws Node's fs errors. */
export interface BootFiles {
  read(path: string): string
  /** Into an existing file, in place. */
  write(path: string, text: string): void
  makeDirectory(path: string, mode?: number): void
  chmod(path: string, mode: number): void
  symlink(target: string, path: string): void
  remove(path: string): void
  /** False also when it is not there. */
  isDevice(path: string): boolean
  /** An empty file. */
  create(path: string): void
  /** A descriptor that only names the file (O_PATH). */
  hold(path: string): number
  close(fd: number): void
}

const O_PATH = 0o10000000

export const bootFiles: BootFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, text) => writeFileSync(path, text, { flag: 'r+' }),
  makeDirectory,
  chmod: chmodSync,
  symlink: symlinkSync,
  remove: unlinkSync,
  isDevice: (path) => statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() ?? false,
  create: (path) => writeFileSync(path, ''),
  hold: (path) => openSync(path, O_PATH),
  close: closeSync,
}
