// Fuzz target: image.json's parser. Every input is a manifest that reads back the same, or a ManifestError.
import { isDeepStrictEqual } from 'node:util'
import { must, shapeOf, type OpenTarget, type Target } from './target.ts'

const FULL = {
  name: 'web',
  version: '1.2.3',
  architecture: 'amd64',
  isolation: 'namespaces',
  config: {
    Entrypoint: ['/bin/node', '--flag'],
    Cmd: ['server.js'],
    Env: ['A=1', 'PATH=/bin'],
    WorkingDir: '/srv',
    User: 'nobody:100',
    StopSignal: 'SIGINT',
  },
}
const SEEDS = [
  JSON.stringify(FULL),
  '{"architecture":"arm64","config":{"Cmd":["/app"],"StopSignal":15,"User":"0"}}',
  '{"architecture":"amd64","config":{"Entrypoint":["a"],"Env":null,"WorkingDir":""},"name":null}',
  '{"architecture":"amd64","config":{"Cmd":["\\u0000"],"Labels":{}},"limits":{}}',
  '{"__proto__":{"config":{}},"architecture":"riscv","config":[]}',
  '[]',
]
const DICTIONARY = [
  ...['"name":', '"version":', '"architecture":', '"isolation":', '"config":', '"Entrypoint":'],
  ...['"Cmd":', '"Env":', '"WorkingDir":', '"User":', '"StopSignal":', '"restart":', '"Volumes":'],
  ...['"__proto__":', '"constructor":', 'null', 'true', '1e999', '-0', '[]', '{}', '"', '\\u0000'],
  ...['\\ud800', '\ufeff', '\u2028', '\u001b[2J', 'SIGRTMIN+3', 'RTMAX-1', '4294967295', '"=x"'],
  ...['a:b:c', '"chroot"', ',', ':', '/'],
]

export const MANIFEST_TARGET: Target = {
  sources: ['protocol/manifest.ts', 'protocol/stop-signal.ts', 'protocol/app-name.ts'],
  seeds: () => Promise.resolve(SEEDS.map((text) => Buffer.from(text))),
  dictionary: DICTIONARY,
  bytesMax: 4096,
  batch: 256,
  async open(): Promise<OpenTarget> {
    const { ManifestError, parseManifest } = await import('../../protocol/manifest.ts')
    const run = (input: Buffer): string => {
      try {
        const manifest = parseManifest(input)
        const again = parseManifest(Buffer.from(JSON.stringify(manifest)))
        must(isDeepStrictEqual(manifest, again), 'a manifest reads back as another one')
        return 'manifest'
      } catch (error) {
        if (!(error instanceof ManifestError)) throw error
        checkSentence(error.message)
        // Which field it was is no news: any key may stand first.
        return shapeOf(error.message.replace(/^[\w.[\]-]+/, ''))
      }
    }
    return {
      run: (input) => Promise.resolve().then(() => run(input)),
      close: () => Promise.resolve(),
    }
  },
}

/** What ends up on a terminal can't move its cursor, and does not fill it. */
export function checkSentence(message: string): void {
  must(!/\p{Cc}/u.test(message), `control characters in ${JSON.stringify(message)}`)
  must(message.length <= 1000, `an error of ${message.length} characters`)
}
