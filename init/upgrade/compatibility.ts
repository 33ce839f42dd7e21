// Whether the life and the state of this version can go on in another, and back if that fails.
import { LIFE_LAYOUT } from '../../sys/life.ts'
import { canUse, STATE_SCHEMA } from '../state/schema.ts'
import { AppError } from '../supervisor/apps.ts'
import type { SelfReport } from './self-report.ts'

/** Throws AppError. */
export function assertCompatible(
  { version, lifeLayout, state }: SelfReport,
  ours = { lifeLayout: LIFE_LAYOUT, state: STATE_SCHEMA },
): void {
  if (lifeLayout !== ours.lifeLayout) {
    const its = lifeLayout === null ? 'has no life record' : `has life record ${lifeLayout}`
    throw new AppError(
      'life-layout',
      `Version ${version} ${its} and can't take over the apps of this one, which has ${ours.lifeLayout}; ` +
        'install it and reboot.',
    )
  }
  if (state === null || !canUse(ours.state, state)) {
    throw new AppError(
      'state-schema',
      `Version ${version} writes a state that this one could not read if it had to go back; ` +
        'upgrade to a version between the two first.',
    )
  }
  if (!canUse(state, ours.state)) {
    throw new AppError(
      'state-schema',
      `Version ${version} can't read this node's state, which a newer one has written.`,
    )
  }
}
