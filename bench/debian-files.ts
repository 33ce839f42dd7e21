// What the peer's guest is made of: a minimal Debian 12, set up as its users would for a VPS that runs
// containers. Data only; `debian.ts` acts on it.

export const SUITE = 'bookworm'
export const MIRROR = 'http://deb.debian.org/debian'
/** debootstrap's --include. netavark is the smaller of the two network stacks podman depends on. */
export const PACKAGES = [
  ...['systemd-sysv', 'udev', 'dbus', 'kmod', 'openssh-server'],
  ...['podman', 'crun', 'conmon', 'netavark'],
] as const
/** The packages whose versions the table names. */
export const NAMED_PACKAGES = ['systemd', 'openssh-server', 'podman', 'crun'] as const

/** Kernel modules in the guest: the solocloud guest's own, and what podman mounts layers with. */
export const MODULES = ['button', 'evdev', 'virtio_net', 'overlay', 'autofs4'] as const

/** TCP port of podman's REST API. */
export const PODMAN_PORT = 2375
/** How long both guests are left alone before their memory is read. */
export const IDLE_S = 30

const NETWORK = `[Match]
Type=ether
[Network]
DHCP=ipv4
`
// The empty line takes the Unix socket back: podman serves only one.
const PODMAN_SOCKET = `[Socket]
ListenStream=
ListenStream=${PODMAN_PORT}
`
// Without it podman takes the other network stack, which is not installed.
const CONTAINERS = `[network]
network_backend = "netavark"
`
// A program that waits would itself use memory; a timer is only a number in systemd. It begins to run when
// everything that starts at boot has started.
const MEMORY_TIMER = `[Unit]
DefaultDependencies=no
After=multi-user.target
[Timer]
OnActiveSec=${IDLE_S}s
AccuracySec=1s
[Install]
WantedBy=multi-user.target
`
const MEMORY_SERVICE = `[Service]
Type=oneshot
ExecStart=/bin/cat /proc/meminfo
StandardOutput=tty
TTYPath=/dev/ttyS0
`

/** Files written into the tree, by path. */
export const FILES: Readonly<Record<string, string>> = {
  // No periodic check: the solocloud guest has none either.
  '/etc/fstab': '/dev/vda / ext4 errors=remount-ro 0 0\n',
  '/etc/hostname': 'debian\n',
  '/etc/hosts': '127.0.0.1 localhost\n127.0.1.1 debian\n',
  // An installed system has one; without it the boot counts as the first and does more.
  '/etc/machine-id': '5a1d0c0de5a1d0c0de5a1d0c0de5a1d0\n',
  '/etc/containers/containers.conf': CONTAINERS,
  '/etc/systemd/network/10-ether.network': NETWORK,
  '/etc/systemd/system/podman.socket.d/tcp.conf': PODMAN_SOCKET,
  '/etc/systemd/system/memory-report.timer': MEMORY_TIMER,
  '/etc/systemd/system/memory-report.service': MEMORY_SERVICE,
}

export const ENABLED = ['systemd-networkd', 'ssh', 'podman.socket', 'memory-report.timer'] as const

/** Debian starts these by default; a small VPS does without. */
export const DISABLED = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'fstrim.timer'],
  ...['e2scrub_all.timer', 'e2scrub_reap.service', 'systemd-pstore.service'],
  ...['podman.service', 'podman-auto-update.timer', 'podman-auto-update.service'],
  ...['podman-restart.service', 'getty@tty1.service'],
] as const
/** What a generator would start although nothing enables it. */
export const MASKED = ['serial-getty@ttyS0.service'] as const
