// <number>.json beside a generation: what the state database knows of it, for when that is lost.
import { readFileSync, statSync } from 'node:fs'
import type { Manifest } from '../../protocol/image.ts'
import { parseManifest } from '../../protocol/manifest.ts'
import { writeDurably } from '../../sys/durable-file.ts'
import type { Generation } from '../state/state.ts'

/** A manifest, of at most 256 KiB before it became JSON again, and a digest. */
const BYTES_MAX = 2 * 1024 * 1024

/** Throws Node's fs errors. */
export function writeDescription(path: string, { digest, manifest }: Generation): void {
  writeDurably(path, `${JSON.stringify({ digest, manifest: JSON.parse(manifest) as Manifest })}\n`)
}

/** null when it is missing or damaged: then the generation can't be run. */
export function readDescription(path: string, number: number): Generation | null {
  try {
    if (statSync(path).size > BYTES_MAX) return null
    // Defaults are null where the manifest says nothing; its parser wants such fields absent.
    const text = readFileSync(path, 'utf8')
    const fields = JSON.parse(text, (_, value: unknown) => value ?? undefined) as Record<
      string,
      unknown
    >
    const { digest } = fields
    if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)) return null
    const manifest = parseManifest(Buffer.from(JSON.stringify(fields['manifest'])))
    return { number, digest, manifest: JSON.stringify(manifest) }
  } catch {
    return null
  }
}
