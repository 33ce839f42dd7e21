// The node's network on its own, for the tests: `client.ts RESOLV_CONF [SETTINGS as JSON] [SAVED]`. It says what
// it does, one line each, and runs until it is killed; the next one goes on with the file SAVED.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { loadNative } from '../../sys/load.ts'
import { startNetwork, type NetworkSettings } from '../../init/network/network.ts'

const [resolvConfPath = '', settings = '{}', saved] = process.argv.slice(2)
const defaults: NetworkSettings = {
  ...{ address: null, gateway: null, plan: null, nameServers: [], hostname: null },
}

startNetwork({
  native: loadNative(),
  settings: { ...defaults, ...(JSON.parse(settings) as Partial<NetworkSettings>) },
  timers: {
    // CLOCK_MONOTONIC, the same over lives.
    nowMs: () => Number(process.hrtime.bigint() / 1_000_000n),
    after(ms, fire) {
      const timer = setTimeout(fire, ms)
      return () => clearTimeout(timer)
    },
  },
  random: Math.random,
  files: {
    read: (path) => readFileSync(path, 'utf8'),
    write: (path, value) => writeFileSync(path, value),
  },
  resolvConfPath,
  resume:
    saved !== undefined && existsSync(saved)
      ? (JSON.parse(readFileSync(saved, 'utf8')) as unknown)
      : null,
  save: (kept) => {
    if (saved !== undefined) writeFileSync(saved, JSON.stringify(kept))
  },
  say: (line) => console.log(line),
  warn: (problem, error) =>
    console.log(`warn: ${problem}${error === null ? '' : `: ${(error as Error).message}`}`),
  onDnsChange: (content) => console.log(`dns: ${JSON.stringify(content)}`),
  onHostname: (name) => console.log(`hostname: ${name}`),
})
