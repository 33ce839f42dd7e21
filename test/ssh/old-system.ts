// A small Debian with sshd, as `install` finds one, made of Debian's own packages in a directory.
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Run } from '../../install/ssh-app/ssh-app-plan.ts'
import { command } from '../../qemu/command.ts'
import { fetchPackages } from '../../qemu/packages.ts'

/** sshd, its libraries, shells and the tools that the app takes along. */
const PACKAGES = [
  ...['openssh-server', 'openssh-sftp-server', 'openssh-client', 'bash', 'dash', 'coreutils'],
  ...['grep', 'sed', 'ncurses-base', 'libc6', 'libssl3', 'zlib1g', 'libpam0g', 'libaudit1'],
  ...['libcap-ng0', 'libselinux1', 'libpcre2-8-0', 'libcom-err2', 'libcrypt1', 'libwrap0'],
  ...['libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3', 'libkrb5support0', 'libkeyutils1'],
  ...['libsystemd0', 'libcap2', 'libgcrypt20', 'libgpg-error0', 'liblzma5', 'libzstd1'],
  ...['liblz4-1', 'libtinfo6', 'libacl1', 'libattr1', 'libgmp10', 'libnsl2', 'libtirpc3'],
]
const CACHE = join(import.meta.dirname, '../../.cache/old-ssh')
const RUN_MS_MAX = 20_000

/** What cloud-init writes for root, before the key; its own command sleeps for ten seconds. */
export const CLOUD_INIT_PREFIX =
  'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,' +
  `command="echo 'Please login as the user \\"debian\\" rather than the user \\"root\\".';echo;sleep 0;exit 142"`

export interface OldFile {
  path: string
  text: string
  mode?: number
  uid?: number
}

export interface OldSystem {
  root: string
  run: Run
}

/** In `directory`, with these files, and host keys. */
export async function makeOldSystem(
  directory: string,
  files: readonly OldFile[],
): Promise<OldSystem> {
  const root = join(directory, 'old')
  mkdirSync(root)
  const packages = await fetchPackages(CACHE, 'old-ssh', PACKAGES, () => undefined)
  const trees = PACKAGES.map((name) => `${packages.directory(name)}/.`)
  await command('cp', ['--archive', ...trees, root])
  for (const path of ['run/sshd', 'dev', 'proc', 'tmp', 'root', 'etc/ssh/sshd_config.d']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  for (const file of files) put(root, file)
  for (const type of ['ed25519', 'ecdsa']) {
    const path = join(root, `etc/ssh/ssh_host_${type}_key`)
    await command('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'root@old', '-f', path])
  }
  return { root, run: runIn(root) }
}

function put(root: string, { path, text, mode = 0o644, uid = 0 }: OldFile): void {
  const place = join(root, path)
  mkdirSync(dirname(place), { recursive: true })
  writeFileSync(place, text)
  chmodSync(place, mode)
  chownSync(place, uid, uid)
}

/** In a mount namespace, with the devices and processes that its programs want; `chroot` is this machine's. */
function runIn(root: string): Run {
  const inside =
    'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
  return (file, words, input = '') => {
    const [program = '', ...rest] =
      file === 'chroot'
        ? [file, ...words]
        : ['unshare', '--mount', 'sh', '-c', inside, root, file, ...words]
    const { status, stdout, stderr } = spawnSync(program, rest, {
      ...{ input, encoding: 'utf8', timeout: RUN_MS_MAX, killSignal: 'SIGKILL' },
    })
    return { status, stdout, stderr }
  }
}
