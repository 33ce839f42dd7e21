// The node's network on its own, for the tests: `client.ts RESOLV_CONF [SETTINGS as JSON]`. It says what
// it does, one line each, and runs until it is killed.
import { loadNative } from '../../sys/load.ts'
import { startNetwork, type NetworkSettings } from '../../init/network/network.ts'

const [resolvConfPath = '', settings = '{}'] = process.argv.slice(2)
const defaults: NetworkSettings = { address: null, gateway: null, nameServers: [], hostname: null }

startNetwork({
  native: loadNative(),
  settings: { ...defaults, ...(JSON.parse(settings) as Partial<NetworkSettings>) },
  timers: {
    nowMs: () => performance.now(),
    after(ms, fire) {
      const timer = setTimeout(fire, ms)
      return () => clearTimeout(timer)
    },
  },
  random: Math.random,
  resolvConfPath,
  say: (line) => console.log(line),
  warn: (problem, error) =>
    console.log(`warn: ${problem}${error === null ? '' : `: ${(error as Error).message}`}`),
  onDnsChange: (content) => console.log(`dns: ${JSON.stringify(content)}`),
  onHostname: (name) => console.log(`hostname: ${name}`),
})
