// Capabilities by number, and sets of them as the kernel writes them in /proc/PID/status.

/** CAP_* of <linux/capability.h>, in order: a name's place is its number. */
export const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const
export type Capability = (typeof CAPABILITIES)[number]

/** The set as a hexadecimal bit mask, 16 digits. */
export function capabilityMask(capabilities: readonly Capability[]): string {
  const bits = capabilities.map((name) => 1n << BigInt(CAPABILITIES.indexOf(name)))
  return bits
    .reduce((sum, bit) => sum | bit, 0n)
    .toString(16)
    .padStart(16, '0')
}
