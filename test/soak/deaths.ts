// PID 1 dies many times: in namespaces, where a life begins in a third of a second, and of a machine.
import { manyDeaths } from '../deaths/many-deaths.ts'
import { containerWard, guestWard } from '../deaths/patients.ts'
import type { ProofOptions } from './proof.ts'

/** Ten a point: a death takes a tenth of a power cut's time. */
const DEATHS_PER_POINT = 10
/** At a thousand lines a second, an app's log holds a quarter of an hour. */
const IN_NAMESPACES = 400
const IN_A_GUEST = 100

export async function deaths({ points, seed, report }: ProofOptions): Promise<void> {
  const many = { deaths: points * DEATHS_PER_POINT, deathsABoot: IN_A_GUEST, seed, report }
  await manyDeaths({ ...many, ward: await guestWard() })
}

export async function containerDeaths({ points, seed, report }: ProofOptions): Promise<void> {
  const many = { deaths: points * DEATHS_PER_POINT, deathsABoot: IN_NAMESPACES, seed, report }
  await manyDeaths({ ...many, ward: await containerWard() })
}
