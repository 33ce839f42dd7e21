// Puts an image of ours into the form that `podman load` reads: the same bytes as its only layer.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { json } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { extract, type Pack, pack } from 'tar-stream'

interface ImageJson {
  architecture: string
  config: Record<string, unknown>
}

/** image.json from the root of the tar at `path`. Throws when there is none. */
async function readImageJson(path: string): Promise<ImageJson> {
  const source = createReadStream(path)
  const entries = source.pipe(extract())
  try {
    for await (const entry of entries) {
      if (/^(\.\/)?image\.json$/.test(entry.header.name)) {
        return (await json(entry)) as ImageJson
      }
      entry.resume()
    }
  } finally {
    source.destroy()
  }
  throw new Error(`${path} has no image.json at its root`)
}

/** The image configuration (OCI image-spec, config.md): the fields have the names that ours have. */
export function imageConfig(image: ImageJson, layerSha256: string): string {
  return JSON.stringify({
    architecture: image.architecture,
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerSha256}`] },
  })
}

async function addFile(archive: Pack, name: string, path: string): Promise<void> {
  const { size } = await stat(path)
  const entry = archive.entry({ name, size, mtime: new Date(0) })
  await pipeline(createReadStream(path), entry)
}

/** Writes the docker-archive of the uncompressed image at `tar` to `target`, named `tag`. */
export async function writeDockerArchive(tar: string, tag: string, target: string): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(tar), hash)
  const config = imageConfig(await readImageJson(tar), hash.digest('hex'))
  const manifest = [{ Config: 'config.json', RepoTags: [tag], Layers: ['layer.tar'] }]
  const archive = pack()
  const written = finished(archive.pipe(createWriteStream(target)))
  archive.entry({ name: 'manifest.json', mtime: new Date(0) }, JSON.stringify(manifest))
  archive.entry({ name: 'config.json', mtime: new Date(0) }, config)
  await addFile(archive, 'layer.tar', tar)
  archive.finalize()
  await written
}
