// The names below /dev/disk/by-id that hosters' volumes have, as udev's rules make them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Of VPD page 0x83 (SPC-4, 7.8.6), a descriptor's head and what it says. */
const HEAD_BYTES = 4
const ASCII = 2
/** "Vendor specific": what QEMU has as device_id, and hosters as the name of a volume. */
const VENDOR_SPECIFIC = 0

/** `directory`: the disk's in /sys/class/block. `partition`: its number, 0 for the whole disk. */
export function deviceIds(directory: string, disk: string, partition: number): string[] {
  const ids = [...virtioIds(directory), ...scsiIds(directory)]
  if (disk.startsWith('nvme')) ids.push(...nvmeIds(directory))
  return partition > 0 ? ids.map((id) => `${id}-part${partition}`) : ids
}

function virtioIds(directory: string): string[] {
  const serial = textOf(join(directory, 'serial'))
  return serial === '' ? [] : [`virtio-${plain(serial)}`]
}

function nvmeIds(directory: string): string[] {
  const [model, serial] = ['model', 'serial'].map((name) => textOf(join(directory, 'device', name)))
  return model && serial ? [`nvme-${plain(`${model}_${serial}`)}`] : []
}

/** `scsi-0VENDOR_MODEL_NAME`, as scsi_id(8) composes it. */
function scsiIds(directory: string): string[] {
  const page = bytesOf(join(directory, 'device/vpd_pg83'))
  const [vendor = '', model = ''] = ['vendor', 'model'].map((name) =>
    textOf(join(directory, 'device', name)),
  )
  const ids: string[] = []
  for (let at = HEAD_BYTES; at + HEAD_BYTES <= page.length;) {
    const [codeSet = 0, type = 0, , length = 0] = page.subarray(at, at + HEAD_BYTES)
    const text = page.toString('latin1', at + HEAD_BYTES, at + HEAD_BYTES + length)
    if ((codeSet & 0xf) === ASCII && (type & 0x3f) === VENDOR_SPECIFIC && text !== '')
      ids.push(`scsi-0${plain(`${vendor.padEnd(8)}${model.padEnd(16)}${text}`)}`)
    at += HEAD_BYTES + length
  }
  return ids
}

/** Space becomes an underscore, several of them one (util_replace_whitespace of systemd). */
const plain = (text: string): string => text.trim().replace(/\s+/g, '_')

const textOf = (path: string): string =>
  bytesOf(path).toString('latin1').replaceAll('\0', '').trim()

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
