// Stands in for `node-gyp-build` inside the bundle (bundle/node.ts): lzma-native finds its binary where
// the loader put it.
import process from 'node:process'

let path: string | undefined

/** Takes the path of lzma-native's binary out of the environment; call it before any import of lzma-native. */
export function takeLzmaPath(): void {
  path = process.env['SOLOCLOUD_LZMA']
  delete process.env['SOLOCLOUD_LZMA']
}

/** lzma-native's binary. Throws in a role that does not get it (native/loader.c). */
export function loadLzma(): unknown {
  if (path === undefined) throw new Error('BUG: this role decodes no images')
  const loaded: { exports: unknown } = { exports: {} }
  process.dlopen(loaded, path)
  return loaded.exports
}
