// Sizes and times as people read them.

const KIB = 1024
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1536 -> '1.5 KiB'. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // 1023.95 KiB would be shown as 1024.0.
  while (value >= KIB - 0.05 && unit < SIZES.length - 1) {
    value /= KIB
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit] ?? ''}`
}

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** The two largest units: '3d 4h', '5m 6s', '0s'. */
export function formatDuration(ms: number): string {
  const time = Math.max(0, ms)
  const [days, hours] = [Math.floor(time / DAY_MS), Math.floor((time % DAY_MS) / HOUR_MS)]
  if (days > 0) return `${days}d ${hours}h`
  const minutes = Math.floor((time % HOUR_MS) / MINUTE_MS)
  if (hours > 0) return `${hours}h ${minutes}m`
  const seconds = Math.floor((time % MINUTE_MS) / SECOND_MS)
  return minutes > 0 ? `${minutes}m ${seconds}s` : `${seconds}s`
}
