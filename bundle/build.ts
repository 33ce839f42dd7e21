// `node bundle/build.ts`: makes build/solocloud and its names build/init and build/cloud, and
// build/manifest.json. `--natives` makes only the two addons, for tests under a plain Node.
import { buildAddons } from './natives.ts'

if (process.argv.includes('--natives')) await buildAddons()
