// The same app image for both sides: the same tar, compressed by the same program, once as an image of ours
// and once as a docker-archive.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { command } from '../qemu/command.ts'
import { cached } from '../qemu/cache.ts'
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
  const tag = `localhost/${app}:bench`
  const digest = hash.digest('hex').slice(0, 12)
  await mkdir(dir, { recursive: true })
  const place = await cached(dir, app, digest, async (partial) =>
    makeAll(partial, app, tag, source),
  )
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

async function makeAll(dir: string, app: string, tag: string, source: string): Promise<void> {
  await mkdir(dir)
  const tar = join(dir, 'image.tar')
  const docker = join(dir, 'docker-archive.tar')
  const packing = source.endsWith('.txz') ? PACKINGS.xz : PACKINGS.zstd
  await filter(packing.decompress, source, tar)
  await writeDockerArchive(tar, tag, docker)
  for (const { compress, ending } of Object.values(PACKINGS)) {
    await filter(compress, tar, join(dir, `${app}.${ending}`))
    await filter(compress, docker, join(dir, `docker-archive.${ending}`))
  }
  await Promise.all([rm(tar), rm(docker)])
}

async function filter(program: string, from: string, to: string): Promise<void> {
  await command('sh', ['-c', `${program} <"$1" >"$2"`, 'sh', from, to])
}
