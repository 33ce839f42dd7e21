// The JavaScript targets by name.
import { HTTP_TARGET } from './target-http.ts'
import { MANIFEST_TARGET } from './target-manifest.ts'
import { TAR_TARGET } from './target-tar.ts'
import type { Target } from './target.ts'

export const JAVASCRIPT_TARGETS: ReadonlyMap<string, Target> = new Map([
  ['manifest', MANIFEST_TARGET],
  ['http', HTTP_TARGET],
  ['tar', TAR_TARGET],
])
