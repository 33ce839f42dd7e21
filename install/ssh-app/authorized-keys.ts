// The lines of an authorized_keys file (sshd(8)): which of them let a person in.

export interface AuthorizedKeys {
  /** Lines whose key opens a shell and may forward, as they stand. */
  free: string[]
  /** How many lines hold a key that does not: a command of its own, no forwarding, or a time that is over. */
  restricted: number
}

/** What sshd takes as a key; certificates begin alike. DSA is no longer taken. */
const KEY =
  /^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-[\w.@-]+|ssh-\w+-cert-[\w.@-]+)$/
/** `option,option="a \" b"`, up to the blank that ends it. */
const OPTIONS = /^(?:[^\s",]+(?:="(?:\\"|[^"])*")?,?)+(?=\s)/

/** `text` has one character a byte. */
export function readAuthorizedKeys(text: string, nowMs: number): AuthorizedKeys {
  const found: AuthorizedKeys = { free: [], restricted: 0 }
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const options = isKey(line) ? '' : (OPTIONS.exec(line)?.[0] ?? null)
    if (options === null || !isKey(line.slice(options.length).trim())) continue
    if (isRestricted(options, nowMs)) found.restricted++
    else found.free.push(line)
  }
  return found
}

function isKey(text: string): boolean {
  const [type = '', base64 = ''] = text.split(/\s+/)
  return KEY.test(type) && /^[A-Za-z0-9+/]{40,}={0,2}$/.test(base64)
}

function isRestricted(options: string, nowMs: number): boolean {
  const list = [...options.matchAll(/([\w-]+)(?:="((?:\\"|[^"])*)")?/g)].map(
    ([, name = '', value]) => ({
      name: name.toLowerCase(),
      value: value ?? null,
    }),
  )
  const last = (...names: string[]) => list.findLast(({ name }) => names.includes(name))?.name
  if (last('command') !== undefined) return true
  // Of two that contradict each other, the later one counts.
  const forwarding = last('restrict', 'no-port-forwarding', 'port-forwarding')
  if (forwarding !== undefined && forwarding !== 'port-forwarding') return true
  const expiry = list.find(({ name }) => name === 'expiry-time')?.value ?? null
  return expiry !== null && isOver(expiry, nowMs)
}

/** `YYYYMMDD[HHMM[SS]]`, with a Z in UTC, else in local time. */
function isOver(time: string, nowMs: number): boolean {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/.exec(time)
  if (match === null) return true
  const [year = 0, month = 1, day = 1, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1, 7)
    .map((word: string | undefined) => Number(word ?? 0))
  const parts = [year, month - 1, day, hours, minutes, seconds] as const
  return (match[7] === 'Z' ? Date.UTC(...parts) : new Date(...parts).getTime()) <= nowMs
}
