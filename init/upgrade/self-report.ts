// What `cloud self-check` (bundle/self-check.ts) prints: a JSON line a check, one of them about upgrades.

export interface SelfReport {
  version: string
  /** Of the life record; null: the file knows none. */
  lifeLayout: number | null
  state: { version: number; readableBy: number } | null
  /** The check that failed and why, or null. */
  failed: string | null
}

/** pino's number for an error. */
const ERROR_LEVEL = 50

type Fields = Record<string, unknown>

/** Lines that say nothing that we know are left out: another version has other checks. */
export function selfReport(output: string): SelfReport {
  const report: SelfReport = { version: 'unknown', lifeLayout: null, state: null, failed: null }
  for (const line of output.split('\n').map(fieldsOf)) {
    const { check } = line
    if (Number(line['level']) >= ERROR_LEVEL) report.failed ??= `${String(check)}: ${reason(line)}`
    if (check === 'file' && typeof line['version'] === 'string') report.version = line['version']
    if (check === 'upgrade') {
      report.lifeLayout = count(line['lifeLayout'])
      report.state = schemaOf(line['state'])
    }
  }
  return report
}

function fieldsOf(line: string): Fields {
  try {
    return record(JSON.parse(line))
  } catch {
    return {}
  }
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function schemaOf(value: unknown): SelfReport['state'] {
  const { version, readableBy } = record(value)
  const [known, needed] = [count(version), count(readableBy)]
  return known === null || needed === null ? null : { version: known, readableBy: needed }
}

function reason(line: Fields): string {
  const { message } = record(line['err'])
  return typeof message === 'string' ? message : 'it failed'
}
