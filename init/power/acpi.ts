// The power button, as ACPI reports it: the generic netlink family `acpi_event` (drivers/acpi/event.c).
import type { Native } from '../../sys/native.ts'
import {
  cString,
  cText,
  decodeAttributes,
  encodeAttributes,
  type NetlinkMessage,
} from '../../netlink/netlink.ts'
import { NetlinkProtocol, openNetlink, subscribe } from '../../netlink/netlink-socket.ts'

/** The generic netlink controller, from <linux/genetlink.h>. */
const GENL_ID_CTRL = 0x10
const CTRL_CMD_GETFAMILY = 3
const CTRL_VERSION = 2
const ControlAttribute = {
  familyId: 1,
  familyName: 2,
  groups: 7,
  groupName: 1,
  groupId: 2,
} as const
/** struct genlmsghdr. */
const HEADER_BYTES = 4

const FAMILY = 'acpi_event'
const GROUP = 'acpi_mc_group'
const ATTRIBUTE_EVENT = 1
/** char device_class[20] of struct acpi_genl_event. */
const DEVICE_CLASS_BYTES = 20
const POWER_BUTTON = 'button/power'

export interface Family {
  id: number
  /** Its multicast group for events. */
  group: number
}

/** The controller's answer about a family; null when the group is not in it. */
export function decodeFamily({ payload }: NetlinkMessage, groupName: string): Family | null {
  const attributes = decodeAttributes(payload.subarray(HEADER_BYTES))
  const id = attributes.get(ControlAttribute.familyId)?.readUInt16LE()
  const groups = decodeAttributes(attributes.get(ControlAttribute.groups) ?? Buffer.alloc(0))
  for (const entry of groups.values()) {
    const group = decodeAttributes(entry)
    const number = group.get(ControlAttribute.groupId)?.readUInt32LE()
    if (cText(group.get(ControlAttribute.groupName)) !== groupName) continue
    return id === undefined || number === undefined ? null : { id, group: number }
  }
  return null
}

/** True for "the power button was pressed". */
export function isPowerButton({ type, payload }: NetlinkMessage, family: number): boolean {
  if (type !== family || payload.length < HEADER_BYTES) return false
  const event = decodeAttributes(payload.subarray(HEADER_BYTES)).get(ATTRIBUTE_EVENT)
  return cText(event?.subarray(0, DEVICE_CLASS_BYTES)) === POWER_BUTTON
}

/** Asks the controller by name. Throws SysError: ENOENT where the kernel has no ACPI. */
export function resolveFamily(native: Native, name: string, group: string): Family | null {
  const socket = openNetlink(native, NetlinkProtocol.generic)
  try {
    const payload = Buffer.concat([
      Buffer.of(CTRL_CMD_GETFAMILY, CTRL_VERSION, 0, 0),
      encodeAttributes([[ControlAttribute.familyName, cString(name)]]),
    ])
    const [answer] = socket.request(`family ${name}`, GENL_ID_CTRL, 0, payload)
    return answer === undefined ? null : decodeFamily(answer, group)
  } finally {
    socket.close()
  }
}

/** Calls `pressed` for each press until the returned function is called. Throws SysError (ENOENT: no ACPI). */
export function watchPowerButton(native: Native, pressed: () => void): () => void {
  const family = resolveFamily(native, FAMILY, GROUP)
  if (family === null) return () => undefined
  return subscribe(native, NetlinkProtocol.generic, [family.group], {
    message: (message) => {
      if (isPowerButton(message, family.id)) pressed()
    },
    lost: () => undefined,
  })
}
