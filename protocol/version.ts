// The version of solocloud; package.json is its only source.
import manifest from '../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
