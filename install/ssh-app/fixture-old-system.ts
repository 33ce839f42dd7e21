// An old system in a temporary directory for tests: its files, programs without code, and an sshd that answers
// from a table.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { elfFile } from '../../image-builder/fixture-elf.ts'
import type { Ran, Run, SshSource } from './ssh-app-plan.ts'

export const KEY = `ssh-ed25519 ${'A'.repeat(68)} someone@home`
export const NOW_MS = Date.UTC(2026, 0, 1)

const LOADER = '/lib64/ld-linux-x86-64.so.2'
const LIBRARY_PATH = '/usr/lib/x86_64-linux-gnu'
export const program = (...needed: string[]): Buffer =>
  elfFile({ interpreter: LOADER, needed: [...needed, 'libc.so.6'] })

/** A link is written as `-> target`. */
export type OldTree = Readonly<Record<string, string | Buffer>>

/** Enough of a Debian for the app: sshd with a library of its own, a shell, a host key, and root with a key. */
export const SMALL: OldTree = {
  '/usr/sbin/sshd': program('libwrap.so.0'),
  '/usr/bin/bash': program(),
  '/bin': '-> usr/bin',
  '/usr/bin/sh': '-> bash',
  '/usr/bin/ls': program(),
  [LOADER]: elfFile({}),
  [`${LIBRARY_PATH}/libc.so.6`]: elfFile({}),
  [`${LIBRARY_PATH}/libwrap.so.0.7.6`]: elfFile({ needed: ['libc.so.6'] }),
  [`${LIBRARY_PATH}/libwrap.so.0`]: '-> libwrap.so.0.7.6',
  [`${LIBRARY_PATH}/libnss_dns.so.2`]: elfFile({ needed: ['libc.so.6'] }),
  '/etc/ssh/sshd_config': 'UsePAM yes\n',
  '/etc/ssh/ssh_host_ed25519_key': 'a private key',
  '/etc/ssh/ssh_host_ed25519_key.pub': 'a public key',
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\nsshd:x:104:65534::/run/sshd:/usr/sbin/nologin\n' +
    'debian:x:1000:1000::/home/debian:/bin/bash\n',
  '/etc/group': 'root:x:0:\nsudo:x:27:debian\ndebian:x:1000:\n',
  '/etc/shadow': 'root:*:19000::::::\ndebian:!:19000::::::\n',
  '/root/.ssh/authorized_keys': `${KEY}\n`,
}

export interface FakeSshd {
  /** What `sshd -T` says for everybody, and for an account with a name. */
  says?: Readonly<Record<string, string>>
  /** Whether it takes a configuration; why not. */
  refuses?: (config: string) => string | null
}

export class OldSystemFixture {
  readonly root = mkdtempSync(join(tmpdir(), 'old-system-'))

  constructor(tree: OldTree) {
    for (const [path, content] of Object.entries(tree)) this.write(path, content)
  }

  write(path: string, content: string | Buffer): void {
    const place = join(this.root, path)
    mkdirSync(dirname(place), { recursive: true })
    const link = typeof content === 'string' ? /^-> (.*)$/.exec(content)?.[1] : undefined
    if (link === undefined) writeFileSync(place, content)
    else symlinkSync(link, place)
  }

  source({ says = {}, refuses = () => null }: FakeSshd = {}): SshSource {
    const ran = (text: string | undefined): Ran =>
      text === undefined
        ? { status: 1, stdout: '', stderr: 'sshd says nothing' }
        : { status: 0, stdout: text, stderr: '' }
    const run: Run = (file, words, input = '') => {
      if (file === 'sh') {
        const why = refuses(input)
        return why === null ? ran('') : { status: 255, stdout: '', stderr: why }
      }
      const [, user = ''] = /^user=([^,]*)/.exec(words[2] ?? '') ?? []
      return ran(says[user])
    }
    return { root: this.root, run, connection: null, nowMs: NOW_MS }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}
