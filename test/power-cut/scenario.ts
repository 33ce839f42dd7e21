// What the operator does while the disk is recorded, as data. Each operation is whole or has not happened.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Vps } from '../../qemu/vps.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, runCloud } from '../run-cloud.ts'

export const PORTS = { alpha: 8021, beta: 8022 } as const
export type AppName = keyof typeof PORTS

/** Name and version of one image: its app answers GET /version with the version. */
export interface Release {
  app: AppName
  version: string
}

export interface Scene {
  vps: Vps
  image: (app: AppName, version: string) => Promise<string>
  /** Path of a file for `cloud upgrade`. */
  newInit: string
}

export interface Operation {
  name: string
  run: (scene: Scene) => Promise<unknown>
  /** What has changed once the operator was told that it is done. */
  change: Change
}

export interface Change {
  /** Version by app, null when it is gone. */
  apps?: Partial<Record<AppName, string | null>>
  /** True when /sbin/init is then the new file. */
  upgraded?: boolean
}

/** An image of this version does not stay up, so that its push fails. */
const BROKEN = 'broken'

const push = (app: AppName, version: string, name: string): Operation => ({
  name,
  run: async ({ vps, image }) => cloud('start', vps.manage, await image(app, version)),
  change: { apps: { [app]: version } },
})

const failedPush = (app: AppName): Operation => ({
  name: 'push that fails',
  async run({ vps, image }) {
    const { code, stdout } = await runCloud(['start', vps.manage, await image(app, BROKEN)])
    if (code !== 1) throw new Error(`a broken image: cloud start ended with ${code}\n${stdout}`)
  },
  change: {},
})

/** Between the first boot and the power button, which are recorded too. */
export const OPERATIONS: readonly Operation[] = [
  push('alpha', '1', 'first push'),
  push('beta', '1', 'first push of a second app'),
  push('alpha', '2', 'redeploy'),
  {
    name: 'rollback',
    run: ({ vps }) => cloud('rollback', vps.manage, 'alpha'),
    change: { apps: { alpha: '1' } },
  },
  push('alpha', '3', 'redeploy that deletes the oldest generation'),
  failedPush('beta'),
  { name: 'restart', run: ({ vps }) => cloud('restart', vps.manage, 'alpha'), change: {} },
  {
    name: 'stop',
    run: ({ vps }) => cloud('stop', vps.manage, 'beta'),
    change: { apps: { beta: null } },
  },
  {
    name: 'upgrade',
    run: ({ vps, newInit }) => cloud('upgrade', vps.manage, newInit),
    change: { upgraded: true },
  },
  push('beta', '4', 'push of what was stopped'),
]

/** Path of the image, made in a directory of its own: the app is called like its file. */
export async function releaseImage(dir: string, { app, version }: Release): Promise<string> {
  const own = join(dir, version)
  await mkdir(own, { recursive: true })
  const env = version === BROKEN ? ['CRASH_AT_START=1'] : [`VERSION=${version}`]
  return probeImage(own, { name: app, port: PORTS[app], env })
}
