// The same app image for both sides: the same tar, compressed by the same program, once as an image of ours
// and once as a docker-archive.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { command } from '../qemu/command.ts'
import { writeDockerArchive } from './docker-archive.ts'

/** How the images are compressed. Not gzip: Debian 12's podman fails to load a gzipped docker-archive. */
export const PACKINGS = {
  xz: { label: 'xz -6', compress: 'xz -6 -T1 -c', decompress: 'xz -dc', ending: 'txz' },
  zstd: { label: 'zstd -3', compress: 'zstd -3 -c', decompress: 'zstd -dc', ending: 'tzst' },
} as const
export type Packing = keyof typeof PACKINGS

export interface BenchImage {
  app: string
  /** What podman calls it. */
  tag: string
  /** Where the app answers. */
  port: number
  /** Paths of the packed images, `APP.ENDING` as `cloud start` wants them. */
  ours: Readonly<Record<Packing, string>>
  /** Paths of the packed docker-archives. */
  theirs: Readonly<Record<Packing, string>>
}

/**
 * Makes the images from `source`, which `cloud image build` wrote, in a directory below `dir` that is
 * named for its content, so that the slow compression happens once.
 */
export async function benchImage(
  app: string,
  port: number,
  source: string,
  dir: string,
): Promise<BenchImage> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(source), hash)
  const place = join(dir, `${app}-${hash.digest('hex').slice(0, 12)}`)
  const tag = `localhost/${app}:bench`
  if (!existsSync(place)) await makeAll(place, app, tag, source)
  const paths = (file: (ending: string) => string) => ({
    xz: join(place, file(PACKINGS.xz.ending)),
    zstd: join(place, file(PACKINGS.zstd.ending)),
  })
  return {
    app,
    tag,
    port,
    ours: paths((ending) => `${app}.${ending}`),
    theirs: paths((ending) => `docker-archive.${ending}`),
  }
}

async function makeAll(place: string, app: string, tag: string, source: string): Promise<void> {
  const partial = `${place}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  try {
    const tar = join(partial, 'image.tar')
    const docker = join(partial, 'docker-archive.tar')
    const packing = source.endsWith('.txz') ? PACKINGS.xz : PACKINGS.zstd
    await filter(packing.decompress, source, tar)
    await writeDockerArchive(tar, tag, docker)
    for (const { compress, ending } of Object.values(PACKINGS)) {
      await filter(compress, tar, join(partial, `${app}.${ending}`))
      await filter(compress, docker, join(partial, `docker-archive.${ending}`))
    }
    await Promise.all([rm(tar), rm(docker)])
    await rename(partial, place)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

async function filter(program: string, from: string, to: string): Promise<void> {
  await command('sh', ['-c', `${program} <"$1" >"$2"`, 'sh', from, to])
}
