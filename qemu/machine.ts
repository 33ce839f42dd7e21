// The machine that QEMU makes: what it consists of and what it boots from, as QEMU's own words.
import { TAP } from './cable.ts'

export interface MachineOptions {
  /** Path of a raw disk image; the guest writes to it. */
  disk: string
  /** More raw disks, behind a SCSI controller, each with a name as hosters give their volumes. */
  volumes?: readonly { path: string; name: string }[]
  memoryMb?: number
  /** Ports of the guest to reach from here (`address`). */
  ports?: readonly number[]
  /** Instead of QEMU's network: the cable of which process (cable.ts). No port is forwarded then. */
  tapOf?: number
  /** What a reboot by the guest does: ends QEMU (so that a test sees it), or restarts the guest. */
  onReboot?: 'stop' | 'restart'
  /** A new file for every write and flush of the disk (see write-log.ts). QEMU must end by itself. */
  writeLog?: string
  /** A file for what the firmware keeps over a reset, as servers do (ACPI ERST): a panic's last words. */
  firmwareStore?: string
  /** A file that `suspend` has written: the guest goes on where it was then, with the disk as it was then. */
  resume?: string
  /** Sees the console's text as it comes. */
  onConsole?: (text: string) => void
}

/** Without a boot loader, as Xen and QEMU's -kernel do it. */
export interface KernelBoot {
  /** Paths here. */
  kernel: string
  initramfs: string
  /** The kernel command line. */
  words: string
}

/** By the boot loader on the disk. `variables`: the file of this machine's UEFI variables, a copy of OVMF_VARS. */
export type FirmwareBoot = { firmware: 'bios' } | { firmware: 'uefi'; variables: string }

export type Boot = KernelBoot | FirmwareBoot

const MEMORY_MB_DEFAULT = 256
/** Of Debian's package ovmf: the code is the same for every machine, the variables are a machine's own. */
const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
export const OVMF_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd'

export function qemuArguments(options: MachineOptions, boot: Boot): string[] {
  const accel = process.env['ACCEL'] === 'kvm' ? ['kvm', '-cpu', 'host'] : ['tcg', '-cpu', 'max']
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-smp', '1'],
    ...['-accel', ...accel, '-m', `${options.memoryMb ?? MEMORY_MB_DEFAULT}M`],
    ...bootArguments(boot),
    ...diskArguments(options),
    ...['-device', `virtio-blk-pci,drive=disk${'firmware' in boot ? ',bootindex=0' : ''}`],
    ...volumeArguments(options),
    ...storeArguments(options),
    ...['-netdev', netdev(options)],
    // Without an option ROM: nothing boots from the network.
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-chardev', 'stdio,id=serial,signal=off', '-serial', 'chardev:serial'],
    ...['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control'],
    ...(options.resume === undefined ? [] : ['-incoming', `exec:cat '${options.resume}'`]),
    ...['-action', `reboot=${options.onReboot === 'restart' ? 'reset' : 'shutdown'}`],
  ]
}

function netdev({ ports, tapOf }: MachineOptions): string {
  if (tapOf !== undefined) return `tap,id=net,ifname=${TAP},script=no,downscript=no`
  // Host port 0: QEMU takes a free one, so that no two of us can want the same.
  const forwards = [...new Set(ports)].map((port) => `hostfwd=tcp:127.0.0.1:0-:${port}`)
  return ['user', 'id=net', ...forwards].join(',')
}

function bootArguments(boot: Boot): string[] {
  if ('kernel' in boot)
    return ['-kernel', boot.kernel, '-initrd', boot.initramfs, '-append', boot.words]
  if (boot.firmware === 'bios') return [] // SeaBIOS, QEMU's default.
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${OVMF_CODE}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${boot.variables}`],
  ]
}

function volumeArguments({ volumes = [] }: MachineOptions): string[] {
  if (volumes.length === 0) return []
  return [
    ...['-device', 'virtio-scsi-pci'],
    ...volumes.flatMap(({ path, name }, index) => [
      ...['-drive', `file=${path},format=raw,if=none,id=volume${index},cache=unsafe`],
      ...['-device', `scsi-hd,drive=volume${index},device_id=${name}`],
    ]),
  ]
}

function storeArguments({ firmwareStore }: MachineOptions): string[] {
  if (firmwareStore === undefined) return []
  const memory = `memory-backend-file,id=firmware,mem-path=${firmwareStore},size=64K,share=on`
  return ['-object', memory, '-device', 'acpi-erst,memdev=firmware']
}

/** The host's cache is never flushed: a test's disk need not survive the host. */
function diskArguments({ disk, writeLog }: MachineOptions): string[] {
  if (writeLog === undefined)
    return ['-drive', `file=${disk},format=raw,if=none,id=disk,cache=unsafe`]
  const nodes = [
    // A flush takes no time here, so that in the log it covers exactly what was completed before it.
    { driver: 'file', 'node-name': 'file', filename: disk, cache: { 'no-flush': true } },
    { driver: 'file', 'node-name': 'log', filename: writeLog, cache: { 'no-flush': true } },
    { driver: 'blklogwrites', 'node-name': 'disk', file: 'file', log: 'log' },
  ]
  return nodes.flatMap((node) => ['-blockdev', JSON.stringify(node)])
}
