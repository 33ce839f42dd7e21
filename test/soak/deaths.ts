// PID 1 of a machine dies many times. The figures that the README may quote.
import { manyDeaths } from '../deaths/many-deaths.ts'
import type { ProofOptions } from './proof.ts'

/** Ten a point: a death takes a tenth of a power cut's time. */
const DEATHS_PER_POINT = 10

export async function deaths({ points, seed, report }: ProofOptions): Promise<void> {
  await manyDeaths({ deaths: points * DEATHS_PER_POINT, seed, report })
}
