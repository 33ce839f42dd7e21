// The peers: what each needs, how it is told to run a number of services, and the words that start it.

/** A file below the peer's root; `mode` defaults to 0644. */
export interface PeerFile {
  path: string
  text: string
  mode?: number
}

export interface Peer {
  name: string
  /** The package whose version is printed; null for what is no package. */
  package: string | null
  /** Everything it needs beside libc6. */
  packages: readonly string[]
  /** The wait that its authors put between a death and the restart. */
  delay: string
  /** False: it runs one program and ends with it. */
  supervises: boolean
  /** What makes it run `count` services. */
  files(count: number): PeerFile[]
  /** PID 1's command line. */
  words(count: number): string[]
}

/** In every root. */
export const SERVICE = '/bin/service'
export const STORM = '/bin/storm'
/** The file that service number `index` writes its start to. */
export const stampFile = (index: number): string => `/run/stamps/${index}`

const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const script = (path: string, text: string): PeerFile => ({ path, text, mode: 0o755 })
/** The interpreter is the service itself: no shell stands between. */
const runFile = (path: string, index: number): PeerFile =>
  script(path, `#!${SERVICE} ${stampFile(index)}\n`)

const runit: Peer = {
  name: 'runit',
  package: 'runit',
  packages: ['runit', 'dash'],
  delay: '1 s after a life shorter than 1 s',
  supervises: true,
  files: (count) => [
    script('etc/runit/1', '#!/bin/sh\n'),
    script('etc/runit/2', '#!/bin/sh\nexec /usr/bin/runsvdir -P /services\n'),
    script('etc/runit/3', '#!/bin/sh\n'),
    ...indexes(count).map((index) => runFile(`services/${index}/run`, index)),
  ],
  words: () => ['/sbin/runit'],
}

const s6: Peer = {
  name: 's6',
  package: 's6',
  packages: ['s6', 'libs6-2.11', 'libskarnet2.13', 'libexecline2.9'],
  delay: '1 s after each death',
  supervises: true,
  files: (count) => indexes(count).map((index) => runFile(`services/${index}/run`, index)),
  // 500 services at most by default.
  words: (count) => ['/usr/bin/s6-svscan', '-c', String(count + 100), '/services'],
}

const finit: Peer = {
  name: 'finit',
  package: 'finit',
  packages: ['finit', 'libcrypt1', 'libite5', 'libuev3', 'dash'],
  delay: 'none for the first deaths',
  supervises: true,
  files: (count) => [
    {
      path: 'etc/finit.conf',
      text: [
        'runlevel 2',
        ...indexes(count).map(
          (index) => `service :${index} [2] ${SERVICE} ${stampFile(index)} -- s${index}`,
        ),
        '',
      ].join('\n'),
    },
  ],
  words: () => ['/sbin/finit'],
}

const sysvinit: Peer = {
  name: 'sysvinit',
  package: 'sysvinit-core',
  packages: ['sysvinit-core', 'libselinux1', 'libpcre2-8-0', 'dash'],
  delay: 'none; 5 minutes after 10 in 2 minutes',
  supervises: true,
  files: (count) => [
    {
      path: 'etc/inittab',
      text: [
        'boot:2:initdefault:',
        ...indexes(count).map(
          // An entry's name has four characters at most.
          (index) => `${index.toString(36)}:2:respawn:${SERVICE} ${stampFile(index)}`,
        ),
        '',
      ].join('\n'),
    },
  ],
  words: () => ['/sbin/init'],
}

const supervisor: Peer = {
  name: 'supervisor',
  package: 'supervisor',
  packages: [
    ...['supervisor', 'python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'],
    ...['python3-pkg-resources', 'python3-setuptools', 'zlib1g', 'libexpat1', 'libssl3'],
  ],
  delay: 'a tick of 1 s; more after a life shorter than 1 s (startsecs)',
  supervises: true,
  files: (count) => [
    {
      path: 'etc/supervisord.conf',
      text: [
        '[supervisord]\nnodaemon=true\nminfds=8192\nlogfile=/dev/null\nlogfile_maxbytes=0',
        ...indexes(count).map(
          (index) =>
            `[program:s${index}]\ncommand=${SERVICE} ${stampFile(index)}\nautorestart=true`,
        ),
        '',
      ].join('\n'),
    },
  ],
  words: () => ['/usr/bin/python3.11', '/usr/bin/supervisord', '-c', '/etc/supervisord.conf'],
}

const nothing = { delay: '', supervises: false, files: () => [] } as const

const tini: Peer = {
  ...nothing,
  name: 'tini',
  package: 'tini',
  packages: ['tini'],
  words: () => ['/usr/bin/tini', '--', SERVICE, stampFile(0)],
}

const dumbInit: Peer = {
  ...nothing,
  name: 'dumb-init',
  package: 'dumb-init',
  packages: ['dumb-init'],
  words: () => ['/usr/bin/dumb-init', '--', SERVICE, stampFile(0)],
}

/** No peer but the floor: wait4 in a loop. */
export const FLOOR: Peer = {
  ...nothing,
  name: 'bare C loop',
  package: null,
  packages: [],
  words: () => ['/bin/collect', SERVICE, stampFile(0)],
}

export const PEERS: readonly Peer[] = [runit, s6, finit, sysvinit, supervisor, tini, dumbInit]

export const PACKAGES: readonly string[] = [
  ...new Set(['libc6', ...PEERS.flatMap(({ packages }) => packages)]),
]
