// What the old system's sshd is told: by its own words (`sshd -T`), else by reading its files.
import { posix } from 'node:path'
import { matches, type OldFiles } from './old-files.ts'
import type { SshSource } from './ssh-app-plan.ts'

/** By keyword in lower case; each line's words, in order. */
export type SshdOptions = ReadonlyMap<string, readonly (readonly string[])[]>

export const SSHD_CONFIG = '/etc/ssh/sshd_config'
const INCLUDES_MAX = 16
/** Every line of these counts; of all others the first. */
const REPEATED = [
  ...['port', 'listenaddress', 'hostkey', 'hostcertificate', 'acceptenv', 'subsystem'],
  ...['allowusers', 'denyusers', 'allowgroups', 'denygroups'],
]

/** What sshd does without a word about it; `sshd -T` prints these itself. */
const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  port: ['22'],
  authorizedkeysfile: ['.ssh/authorized_keys', '.ssh/authorized_keys2'],
  permitrootlogin: ['prohibit-password'],
}
const HOST_KEYS = ['rsa', 'ecdsa', 'ed25519'].map((type) => `/etc/ssh/ssh_host_${type}_key`)

/** The words of the first line of a keyword; none when there is no such line. */
export const firstOf = (options: SshdOptions, key: string): readonly string[] =>
  options.get(key)?.[0] ?? []
/** The words of all its lines. */
export const allOf = (options: SshdOptions, key: string): string[] =>
  (options.get(key) ?? []).flat()

/** For everybody; what stands in Match blocks is not in it, where sshd can tell them apart. */
export function readOptions(
  files: OldFiles,
  { run, connection }: SshSource,
  sshd: string,
): SshdOptions {
  // Old ones refuse to answer without a connection once there is a Match block.
  for (const words of [['-T'], ['-T', '-C', connectionWords('root', connection)]]) {
    const { status, stdout } = run(sshd, words)
    if (status === 0 && stdout !== '') return ofLines(stdout)
  }
  return withDefaults(ofLines(configLines(files, SSHD_CONFIG, 0).join('\n')))
}

export const hasMatchBlocks = (files: OldFiles): boolean =>
  configLines(files, SSHD_CONFIG, 0, true).some((line) => /^\s*match\b/i.test(line))

/** For one account, as if it came now; null when sshd does not tell. */
export function optionsFor(
  name: string,
  { run, connection }: SshSource,
  sshd: string,
): SshdOptions | null {
  const { status, stdout } = run(sshd, ['-T', '-C', connectionWords(name, connection)])
  return status === 0 && stdout !== '' ? ofLines(stdout) : null
}

function connectionWords(user: string, connection: string | null): string {
  const [from = '192.0.2.1', , to = '192.0.2.2', port = '22'] = connection?.split(' ') ?? []
  return `user=${user},host=${from},addr=${from},laddr=${to},lport=${port}`
}

function ofLines(text: string): SshdOptions {
  const options = new Map<string, string[][]>()
  for (const line of text.split('\n')) {
    const [keyword = '', ...words] = wordsOf(line)
    const key = keyword.toLowerCase()
    const known = options.get(key)
    if (known === undefined) options.set(key, [words])
    else if (REPEATED.includes(key)) known.push(words)
  }
  return options
}

/** `Keyword=value`, quotes, and comments at the line's start or after a blank. */
function wordsOf(line: string): string[] {
  const text = line.trim().replace(/^(\w+)\s*=\s*/, '$1 ')
  if (text === '' || text.startsWith('#')) return []
  const words = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  )
  const comment = words.findIndex((word) => word.startsWith('#'))
  return comment < 0 ? words : words.slice(0, comment)
}

/** With includes in their place. What stands below a Match is left out, unless it is asked for. */
function configLines(files: OldFiles, path: string, depth: number, withMatches = false): string[] {
  const lines: string[] = []
  let matching = false
  for (const line of (files.text(path) ?? '').split('\n')) {
    const [keyword = '', ...words] = wordsOf(line)
    const key = keyword.toLowerCase()
    if (key === 'match') matching = !words.every((word) => matches('all', word.toLowerCase()))
    if (matching && !withMatches) continue
    if (key !== 'include') lines.push(line)
    else if (depth < INCLUDES_MAX)
      for (const pattern of words)
        for (const one of files.glob(posix.resolve('/etc/ssh', pattern)))
          lines.push(...configLines(files, one, depth + 1, withMatches))
  }
  return lines.filter((line) => withMatches || !/^\s*match\b/i.test(line))
}

function withDefaults(options: SshdOptions): SshdOptions {
  const defaults = Object.entries(DEFAULTS).map(([key, words]): [string, (readonly string[])[]] => [
    key,
    [words],
  ])
  return new Map([...defaults, ['hostkey', HOST_KEYS.map((path) => [path])], ...options])
}
