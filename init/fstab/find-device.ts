// Which device fstab's first field means.
import type { BlockDevice } from './block-devices.ts'

/** What a source says about its device; null for one that is a path like any other. */
type Wanted = (device: BlockDevice) => boolean

const TAG = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/
const LINK = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel|id)\/(.+)$/

/** True for a name that only a look at the devices can resolve. */
export const needsScan = (source: string): boolean => wanted(source) !== null

/** True for what stands for a block device, in whatever form. */
export const namesDevice = (source: string): boolean =>
  source.startsWith('/dev/') || TAG.test(source)

/**
 * The paths of all devices that it may mean: one, when all is well. A path that exists is left as it is.
 * `exists` is asked about paths below /dev.
 */
export function findDevice(
  source: string,
  devices: readonly BlockDevice[],
  exists: (path: string) => boolean,
): string[] {
  const fits = wanted(source)
  if (!namesDevice(source) || exists(source)) return [source]
  if (fits === null) return []
  return devices.filter(fits).map(({ path }) => path)
}

function wanted(source: string): Wanted | null {
  const [, tag = '', quoted = ''] = TAG.exec(source) ?? []
  if (tag !== '') return byTag(tag.toLowerCase(), quoted.replace(/^"(.*)"$/, '$1'))
  const [, kind = '', name = ''] = LINK.exec(source) ?? []
  if (kind !== '') return byTag(kind, unescape(name))
  const [, first = '', second] = /^\/dev\/([^/]+)\/([^/]+)$/.exec(source) ?? []
  if (first === '' || second === undefined) return null
  // /dev/GROUP/VOLUME is LVM's other name for it, with dashes of its own doubled.
  const double = (part: string): string => part.replaceAll('-', '--')
  const mapped = first === 'mapper' ? second : `${double(first)}-${double(second)}`
  return ({ mapperName }) => mapperName === mapped
}

function byTag(kind: string, value: string): Wanted {
  if (value === '') return () => false
  const same = (one: string): boolean => one.toLowerCase() === value.toLowerCase()
  switch (kind) {
    case 'uuid':
      return ({ content }) => content !== null && same(content.uuid)
    case 'label':
      return ({ content }) => content?.label === value
    case 'partuuid':
      return ({ partUuid }) => same(partUuid)
    case 'partlabel':
      return ({ partLabel }) => partLabel === value
    default:
      return ({ ids }) => ids.includes(value)
  }
}

/** udev writes what a file name should not hold as \x20. */
const unescape = (name: string): string =>
  name.replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  )
