// Whole installations over Debian systems of every kind that can be made here, each as a person would do it.
import { writeSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { EXAMPLES, ROOT } from '../../demo/tour.ts'
import { Cable } from '../../qemu/cable.ts'
import type { System } from '../../qemu/debian/system.ts'
import { DebianGuest, type GuestOptions } from '../install/debian-guest.ts'
import { seconds, timed, type Report } from '../install/timed.ts'
import { wholeInstallation } from '../install/whole-installation.ts'
import type { ProofOptions } from './proof.ts'
import { addressOf, chosenVariants, defaultGateways, factsOf, type Variant } from './variants.ts'

/** Others would only take longer to push: what differs here is below them. */
const APPS = EXAMPLES.filter(({ name }) => name === 'cpp-hello')
/** What a guest has printed, by the name of its system. */
const CONSOLES = join(ROOT, 'build/installs')
const GRUB_MS_MAX = 300_000

export async function installs({ systems, report, ending }: ProofOptions): Promise<void> {
  const failed: string[] = []
  for (const [name, variant] of chosenVariants(systems)) {
    if (ending.aborted) break
    const begun = performance.now()
    const told = (line: string) => report(`${name}: ${line}`)
    try {
      await install(variant, told, join(CONSOLES, `${name}.log`))
      told(`holds, after ${seconds(performance.now() - begun)}`)
    } catch (error) {
      failed.push(name)
      told(`FAILED: ${(error as Error).message}`)
    }
  }
  if (failed.length > 0) throw new Error(`SOAK_SYSTEMS='${failed.join(' ')}'`)
}

async function install(
  { system, here }: Variant,
  report: Report,
  consoleLog: string,
): Promise<void> {
  await mkdir(dirname(consoleLog), { recursive: true })
  await using log = await open(consoleLog, 'w')
  await using end = here.length === 0 ? null : await Cable.make(here)
  const options: GuestOptions = { system, ports: APPS.map(({ port }) => port) }
  const host = addressOf(system)
  const cable = end === null || host === null ? {} : { cable: { end, host } }
  await using guest = await DebianGuest.make({ ...options, ...cable })
  const { console } = await guest.start({ onConsole: (text) => writeSync(log.fd, text) })
  await timed(report, 'Debian by GRUB, power-on to login', async () => {
    await console.waitFor(/Booting `Debian GNU\/Linux'/, GRUB_MS_MAX)
    await guest.waitForLogin()
  })
  for (const [command, printed] of factsOf(system)) {
    const found = (await guest.ssh.get(command)).trim()
    if (found !== printed) throw new Error(`\`${command}\` prints ${found}, not ${printed}`)
  }
  await timed(report, 'the file copied by scp', async () => guest.bring())
  await expectGateways(guest, system)
  await wholeInstallation(guest, {
    ...{ examples: APPS, report },
    check: async () => expectGateways(guest, system),
  })
}

/** What reaches the guest is on its own network: that others would too shows in its routes. */
async function expectGateways(guest: DebianGuest, { network }: System): Promise<void> {
  if (network.addresses === 'dhcp') return
  const found = defaultGateways(await guest.ssh.get('cat /proc/net/route /proc/net/ipv6_route'))
  if (!isDeepStrictEqual(found, network.gateways))
    throw new Error(`the gateways are ${found.join(', ')}, not ${network.gateways.join(', ')}`)
}
