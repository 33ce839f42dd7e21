import { posix } from 'node:path'
import { expect, test } from 'vitest'
import {
  KEY,
  OldSystemFixture,
  program,
  SMALL,
  type FakeSshd,
  type OldTree,
} from './fixture-old-system.ts'
import { lookSshApp } from './look.ts'
import type { SshAppPlan } from './ssh-app-plan.ts'

const RESTRICTED = `command="echo no" ${KEY}\n`
const DEBIAN = { '/home/debian/.ssh/authorized_keys': `${KEY}\n` }

function look(
  tree: OldTree = {},
  sshd: FakeSshd = {},
  connection: string | null = null,
): SshAppPlan {
  using old = new OldSystemFixture({ ...SMALL, ...tree })
  return lookSshApp({ ...old.source(sshd), connection })
}

const names = ({ accounts }: SshAppPlan): string[] => accounts.map(({ name }) => name)
const textAt = ({ members }: SshAppPlan, path: string): string => {
  const member = members.find((one) => one.path === path)
  return member?.kind === 'text' ? member.text : ''
}
const config = (plan: SshAppPlan): string[] => textAt(plan, '/etc/ssh/sshd_config').split('\n')
const paths = ({ members }: SshAppPlan): string[] => members.map(({ path }) => path)

test('a small system', () => {
  const plan = look(DEBIAN)
  expect(plan).toMatchObject({ ports: [22], problems: [], warnings: [], group: 999 })
  expect(plan.hostKeys).toEqual(['/etc/ssh/ssh_host_ed25519_key'])
  expect(plan.programs).toEqual(['/usr/sbin/sshd', '/bin/bash', '/bin/sh', '/bin/ls'])
  expect(plan.accounts).toMatchObject([
    { name: 'root', uid: 0, administrator: true, keys: [KEY], shell: '/bin/bash' },
    { name: 'debian', uid: 1000, gid: 1000, administrator: true, keys: [KEY] },
  ])
  expect(plan.bytes).toBeGreaterThan(0)
})

test('what is in the app: everything that ld.so opens, each file once, and its own accounts', () => {
  const plan = look(DEBIAN)
  const libraries = paths(plan).filter((path) => posix.basename(path).includes('.so'))
  expect(libraries.toSorted()).toEqual([
    '/lib64/ld-linux-x86-64.so.2',
    '/usr/lib/x86_64-linux-gnu/libc.so.6',
    '/usr/lib/x86_64-linux-gnu/libnss_dns.so.2',
    '/usr/lib/x86_64-linux-gnu/libwrap.so.0',
  ])
  expect(plan.members.find(({ path }) => path === '/bin/sh')).toMatchObject({ target: '/bin/bash' })
  expect(textAt(plan, '/etc/passwd')).toBe(
    'root:x:0:0:root:/root:/bin/bash\ndebian:x:1000:1000:debian:/home/debian:/bin/bash\n' +
      'sshd:x:104:65534:sshd:/run/sshd:/nonexistent\n',
  )
  expect(textAt(plan, '/etc/group')).toBe(
    'root:x:0:\nsudo:x:27:debian\ndebian:x:1000:\ntty:x:5:\nsolocloud:x:999:debian\n',
  )
  // `!` would lock the account for an sshd without PAM.
  expect(textAt(plan, '/etc/shadow')).toBe('root:*:::::::\ndebian:*:::::::\nsshd:*:::::::\n')
  expect(JSON.parse(textAt(plan, '/image.json'))).toEqual({
    ...{ name: 'ssh', architecture: 'amd64', management: true },
    config: { Entrypoint: ['/usr/sbin/sshd', '-D', '-e', '-f', '/etc/ssh/sshd_config'] },
  })
})

test('owners and modes are what sshd wants, whatever they were', () => {
  const modes = look(DEBIAN).members.map(
    ({ path, mode, uid }) => `${path} ${mode.toString(8)} ${uid}`,
  )
  expect(modes).toEqual(
    expect.arrayContaining([
      '/etc/shadow 600 0',
      '/etc/ssh/ssh_host_ed25519_key 600 0',
      '/etc/ssh/ssh_host_ed25519_key.pub 644 0',
      '/home 755 0',
      '/home/debian 700 1000',
      '/home/debian/.ssh 700 1000',
      '/home/debian/.ssh/authorized_keys 600 1000',
      '/root 700 0',
      '/run/sshd 755 0',
    ]),
  )
  const sorted = look(DEBIAN).members.map(({ path }) => path)
  expect(sorted.every((path) => ['/', ...sorted].includes(posix.dirname(path)))).toBe(true)
})

test('keys and nothing else let in', () => {
  const lines = config(look())
  expect(lines).toEqual(
    expect.arrayContaining([
      'Port 22',
      'HostKey /etc/ssh/ssh_host_ed25519_key',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'AllowStreamLocalForwarding yes',
      'AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2',
    ]),
  )
})

test.each([
  ['an expired account', { '/etc/shadow': 'debian:*:1:::::19000:\n' }, 'the account has expired'],
  ['a locked account without PAM', { '/etc/ssh/sshd_config': '' }, 'the account is locked'],
  ['no shell', passwd('/home/debian:/usr/sbin/nologin'), 'its shell is /usr/sbin/nologin'],
  ['a shell for git', passwd('/home/debian:/usr/bin/git-shell'), 'its shell is /usr/bin/git-shell'],
  ['AllowUsers', sshdConfig('AllowUsers root ops*'), 'AllowUsers'],
  ['DenyUsers', sshdConfig('DenyUsers deb?an'), 'AllowUsers'],
  ['AllowGroups', sshdConfig('AllowGroups root'), 'AllowUsers'],
  ['DenyGroups', sshdConfig('DenyGroups sudo'), 'AllowUsers'],
])('%s stays behind, and is named', (_, tree, why) => {
  const plan = look({ ...DEBIAN, ...tree })
  expect(names(plan)).toEqual(['root'])
  expect(plan.warnings).toEqual([expect.stringContaining(`debian can't log in to the node: `)])
  expect(plan.warnings[0]).toContain(why)
})

function passwd(rest: string): OldTree {
  const root = 'root:x:0:0:root:/root:/bin/bash'
  return { '/etc/passwd': `${root}\ndebian:x:1000:1000::${rest}\n` }
}
function sshdConfig(...lines: string[]): OldTree {
  return { '/etc/ssh/sshd_config': `${['UsePAM yes', ...lines].join('\n')}\n` }
}

test("cloud-init's root is no way in, and the account that it names is", () => {
  const tree = { '/root/.ssh/authorized_keys': RESTRICTED, ...DEBIAN }
  const plan = look(tree)
  expect(names(plan)).toEqual(['debian'])
  expect(plan.problems).toEqual([])
  expect(config(plan)).toContain('PermitRootLogin no')
  expect(plan.warnings).toEqual([expect.stringContaining('its keys only run a command')])
})

test('root who may not log in', () => {
  const plan = look({ ...sshdConfig('PermitRootLogin no'), ...DEBIAN })
  expect(names(plan)).toEqual(['debian'])
  expect(plan.warnings).toEqual([expect.stringContaining('PermitRootLogin no')])
})

test('nobody can log in: a problem that says what to do', () => {
  const plan = look({ '/root/.ssh/authorized_keys': RESTRICTED })
  expect(plan.problems).toEqual([expect.stringMatching(/^no account can log in .*authorized_keys/)])
})

test('somebody can log in, but nobody who may manage', () => {
  const plan = look({
    ...{ '/root/.ssh/authorized_keys': '', '/etc/group': 'debian:x:1000:\n', ...DEBIAN },
  })
  expect(names(plan)).toEqual(['debian'])
  expect(plan.problems).toEqual([expect.stringContaining('may manage the node')])
})

test('no host key, no sshd, a library that is missing', () => {
  expect(look({ '/etc/ssh/ssh_host_ed25519_key': '-> nowhere' }).problems).toEqual([
    expect.stringContaining('ssh-keygen -A'),
  ])
  expect(look({ '/usr/sbin/sshd': '-> nowhere' }).problems).toEqual([
    expect.stringContaining('there is no sshd on this system'),
  ])
  expect(look({ '/usr/sbin/sshd': program('liblost.so.1') }).problems).toEqual([
    expect.stringContaining('liblost.so.1'),
  ])
})

test('keys elsewhere than at home', () => {
  const keys = { '/etc/ssh/keys/debian': `${KEY}\n`, '/root/.ssh/authorized_keys': '' }
  const plan = look({ ...sshdConfig('AuthorizedKeysFile /etc/ssh/keys/%u'), ...keys })
  expect(names(plan)).toEqual(['debian'])
  expect(config(plan)).toContain('AuthorizedKeysFile /etc/ssh/keys/%u')
  const member = plan.members.find(({ path }) => path === '/etc/ssh/keys/debian')
  expect(member).toMatchObject({ kind: 'text', mode: 0o644, uid: 0, text: `${KEY}\n` })
})

test("sshd's own words count, and those for one account too", () => {
  const common =
    'port 2222\nusepam yes\npermitrootlogin yes\nhostkey /etc/ssh/ssh_host_ed25519_key\n'
  const says = {
    '': `${common}authorizedkeysfile .ssh/authorized_keys\nciphers aes256-gcm@openssh.com\n`,
    root: `${common}authorizedkeysfile .ssh/authorized_keys\nforcecommand none\n`,
    debian: `${common}authorizedkeysfile .ssh/authorized_keys\nforcecommand internal-sftp\n`,
  }
  const plan = look({ ...sshdConfig('Match User debian'), ...DEBIAN }, { says })
  expect(plan.ports).toEqual([2222])
  expect(config(plan)).toContain('Ciphers aes256-gcm@openssh.com')
  expect(names(plan)).toEqual(['root'])
  expect(plan.warnings).toEqual([expect.stringContaining('ForceCommand')])
})

test('an sshd that refuses its old algorithms gets its own; one that refuses all is a problem', () => {
  const tree = sshdConfig('Ciphers ancient')
  const refuses = (text: string) => (text.includes('ancient') ? 'Bad SSH2 cipher spec' : null)
  const plan = look(tree, { refuses })
  expect(config(plan).filter((line) => line.includes('ancient'))).toEqual([])
  expect(plan.warnings).toEqual([expect.stringContaining('Bad SSH2 cipher spec')])
  expect(look(tree, { refuses: () => 'no' }).problems).toEqual([
    "sshd refuses the node's sshd_config: no",
  ])
})

test('without a word of sshd about one account, its Match blocks are known to be lost', () => {
  const common = 'port 22\nusepam yes\nhostkey /etc/ssh/ssh_host_ed25519_key\n'
  const says = { '': `${common}authorizedkeysfile .ssh/authorized_keys\n` }
  const plan = look({ ...sshdConfig('Match User root', 'ForceCommand x'), ...DEBIAN }, { says })
  expect(names(plan)).toEqual(['root', 'debian'])
  expect(plan.warnings).toEqual([
    expect.stringMatching(/^root: .*Match/),
    expect.stringMatching(/^debian: .*Match/),
  ])
})

test('an sshd that only lacks its directory refuses nothing', () => {
  const refuses = () => 'Missing privilege separation directory: /run/sshd'
  expect(look({}, { refuses }).problems).toEqual([])
})

test('the parts of a newer sshd come along', () => {
  const helpers = ['/usr/lib/openssh/sshd-session', '/usr/libexec/openssh/sshd-auth']
  const plan = look(Object.fromEntries(helpers.map((path) => [path, program()])))
  expect(plan.programs).toEqual(expect.arrayContaining(helpers))
})

test('busybox, where it is, has the tools', () => {
  const plan = look({ '/usr/bin/busybox': program() })
  expect(plan.members.find(({ path }) => path === '/bin/vi')).toMatchObject({
    ...{ kind: 'link', target: '/bin/busybox' },
  })
  expect(plan.programs).toEqual(['/usr/sbin/sshd', '/bin/bash', '/bin/busybox'])
})

test('a shell that is not taken along becomes one that is', () => {
  const plan = look({ ...passwd('/home/debian:/usr/bin/zsh'), ...DEBIAN })
  expect(plan.accounts.map(({ shell }) => shell)).toEqual(['/bin/bash', '/bin/bash'])
  expect(plan.warnings).toEqual(['debian gets /bin/bash: there is no /usr/bin/zsh'])
})

test('what can not be taken along is said', () => {
  const lines = ['AuthorizedKeysCommand /usr/bin/keys', 'AuthenticationMethods publickey,password']
  const plan = look({ ...sshdConfig(...lines), '/etc/hosts.deny': '# none\nALL: ALL\n' })
  expect(plan.warnings).toHaveLength(3)
  expect(plan.problems).toEqual([])
})
