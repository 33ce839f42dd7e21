// The second half of the table: from a packed image to its first answer, on this machine in namespaces.
import { join } from 'node:path'
import { type BenchImage, type Packing, PACKINGS } from './images.ts'
import { inTurns } from './in-turns.ts'
import { PodmanPeer } from './podman.ts'
import { SolocloudNode } from './solocloud.ts'
import type { Row } from './table.ts'

export interface NamedImage {
  /** 'C++' or 'Node.js'. */
  kind: string
  image: BenchImage
}

type Report = (line: string) => void

/** Measures every image in every packing. */
export async function pushRows(
  images: readonly NamedImage[],
  scratch: string,
  repetitions: number,
  report: Report,
): Promise<Row[]> {
  await using ours = await SolocloudNode.start(join(scratch, 'node'))
  await using theirs = await PodmanPeer.start(join(scratch, 'podman'))
  const rows: Row[] = []
  for (const { kind, image } of images) {
    for (const packing of Object.keys(PACKINGS) as Packing[]) {
      const { label } = PACKINGS[packing]
      report(`pushing the ${kind} app (${label}) ${repetitions} times to both`)
      const { app, tag, port } = image
      const [mine, others] = await inTurns(repetitions, [
        () => ours.measure({ app, file: image.ours[packing], port }),
        () => theirs.measure({ archive: image.theirs[packing], tag, port }),
      ] as const)
      rows.push({
        measure: `start of an image to the ${kind} app's first 200 (${label})`,
        unit: 'ms',
        ours: mine,
        peer: 'podman load + run',
        theirs: others,
      })
    }
  }
  return rows
}
