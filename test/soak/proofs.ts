// The long proofs by name, in the order in which `make soak` runs them.
import { grubInstallPowerCuts, installPowerCuts } from '../install/install-cuts.ts'
import { backupRestored, waysBack } from '../install/ways-back.ts'
import { powerCuts } from '../power-cut/power-cuts.ts'
import { chosenOf } from './chosen.ts'
import { containerDeaths, deaths } from './deaths.ts'
import { fuzzing } from './fuzzing.ts'
import { installs } from './installs.ts'
import type { Proof } from './proof.ts'
import { randomEvents } from './random-events.ts'

export const PROOFS: Readonly<Record<string, Proof>> = {
  'container-deaths': containerDeaths,
  deaths,
  fuzzing,
  'grub-install-power-cuts': grubInstallPowerCuts,
  'install-power-cuts': installPowerCuts,
  installs,
  'power-cuts': powerCuts,
  'random-events': randomEvents,
  'ways-back': waysBack,
  restore: backupRestored,
}

export const chosenProofs = (names: readonly string[]): [name: string, proof: Proof][] =>
  chosenOf('proof', PROOFS, names)
