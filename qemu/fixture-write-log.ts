// Writes logs of writes for tests, byte by byte as QEMU does.

export interface FixtureRequest {
  /** In sectors of 512 bytes. */
  sector?: number
  data?: Buffer
  /** Of a discard, which has no data. */
  sectors?: number
  flags?: number
}

export const Flag = { flush: 1, fua: 2, discard: 4, mark: 8 } as const
const SECTOR_BYTES = 512

/** `sectors` sectors full of one byte. */
export const filled = (byte: number, sectors = 1): Buffer =>
  Buffer.alloc(sectors * SECTOR_BYTES, byte)

export const flush: FixtureRequest = { flags: Flag.flush }

export function writeLogBytes(
  requests: readonly FixtureRequest[],
  { entries = requests.length, magic = 0x6a736677736872n } = {},
): Buffer {
  const superblock = Buffer.alloc(SECTOR_BYTES)
  superblock.writeBigUInt64LE(magic, 0)
  superblock.writeBigUInt64LE(1n, 8)
  superblock.writeBigUInt64LE(BigInt(entries), 16)
  superblock.writeUInt32LE(SECTOR_BYTES, 24)
  return Buffer.concat([superblock, ...requests.flatMap(requestBytes)])
}

function requestBytes({ sector = 0, data, sectors, flags = 0 }: FixtureRequest): Buffer[] {
  const header = Buffer.alloc(SECTOR_BYTES)
  header.writeBigUInt64LE(BigInt(sector), 0)
  header.writeBigUInt64LE(BigInt(sectors ?? (data?.length ?? 0) / SECTOR_BYTES), 8)
  header.writeBigUInt64LE(BigInt(flags), 16)
  return [header, data ?? Buffer.alloc(0)]
}
