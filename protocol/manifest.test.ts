import fc from 'fast-check'
import { expect, test } from 'vitest'
import { appNameOf, ManifestError, parseManifest } from './manifest.ts'

const minimal = { architecture: 'amd64', config: { Entrypoint: ['/app'] } }
const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)))
const withConfig = (config: object) => parse({ ...minimal, config: { Cmd: ['/app'], ...config } })

test('a minimal manifest gets every default', () => {
  expect(parse(minimal)).toEqual({
    name: null,
    version: null,
    architecture: 'amd64',
    isolation: null,
    management: false,
    config: {
      Entrypoint: ['/app'],
      Cmd: [],
      Env: [],
      WorkingDir: '/',
      User: '0',
      StopSignal: 'SIGTERM',
    },
  })
})

test('a full manifest is taken as it is', () => {
  const full = {
    name: 'hello',
    version: '1.2.3',
    architecture: 'arm64',
    isolation: 'chroot',
    management: true,
    config: {
      Entrypoint: ['/usr/bin/node'],
      Cmd: ['/app/main.js', ''],
      Env: ['PATH=/usr/bin', 'EMPTY=', 'A=b=c'],
      WorkingDir: '/app',
      User: 'www-data:33',
      StopSignal: 'SIGINT',
    },
  }
  expect(parse(full)).toEqual(full)
})

test('null is "not set", as OCI tools write it', () => {
  expect(withConfig({ Env: null, User: '', WorkingDir: '' }).config).toMatchObject({
    Env: [],
    User: '0',
    WorkingDir: '/',
  })
})

test.each([
  [{ StopSignal: 'TERM' }, 'SIGTERM'],
  [{ StopSignal: '9' }, 'SIGKILL'],
  [{ StopSignal: 3 }, 'SIGQUIT'],
  [{ StopSignal: 'SIGIOT' }, 'SIGABRT'],
  [{ StopSignal: 'SIGRTMIN+3' }, 'SIGRTMIN+3'],
  [{ StopSignal: '37' }, 'SIGRTMIN+3'],
])('the stop signal %j is %s', (config, name) => {
  expect(withConfig(config).config.StopSignal).toBe(name)
})

const refusals: [unknown, RegExp][] = [
  [[], /^image.json must be an object$/],
  [{ config: { Cmd: ['/a'] } }, /^architecture is missing/],
  [{ architecture: 'amd64' }, /^config is missing/],
  [
    { ...minimal, architecture: 'x86' },
    /^architecture: "x86" is not known; use "amd64" or "arm64"/,
  ],
  [{ ...minimal, name: 'Foo' }, /^name: "Foo" is refused: a name is/],
  [{ ...minimal, name: 'a'.repeat(64) }, /^name: /],
  [{ ...minimal, version: 1 }, /^version must be a string/],
  [{ ...minimal, version: 'a\nb' }, /^version must be 1 to/],
  [{ ...minimal, management: 'yes' }, /^management must be true or false/],
  [{ ...minimal, isolation: 'vm' }, /^isolation: "vm"/],
  [{ ...minimal, restart: 'never' }, /^restart: not implemented by this version \(.*\); remove it/],
  [{ ...minimal, limits: {} }, /^limits: not implemented/],
  [{ ...minimal, rootfs: {} }, /^rootfs: not known to this version; remove it/],
  [{ ...minimal, ['a b']: {} }, /^"a b": not known/],
]
test.each(refusals)('%j is refused', (value, message) => {
  expect(() => parse(value)).toThrow(ManifestError)
  expect(() => parse(value)).toThrow(message)
})

const refusedConfigs: [object, RegExp][] = [
  [{ Volumes: {} }, /^config.Volumes: not implemented by this version/],
  [{ Healthcheck: {} }, /^config.Healthcheck: not implemented/],
  [{ Surprise: 1 }, /^config.Surprise: not known/],
  [{ Env: ['A=1', 'B=2', 'C'] }, /^config.Env\[2\]: "C" must be NAME=value/],
  [{ Env: ['=1'] }, /^config.Env\[0\]/],
  [{ Env: ['A=1', 'A=2'] }, /^config.Env\[1\]: "A" is set twice/],
  [{ Env: ['A=\0'] }, /^config.Env\[0\] has a NUL/],
  [{ Env: { A: 1 } }, /^config.Env must be an array/],
  [{ Cmd: '/app' }, /^config.Cmd must be an array/],
  [{ Cmd: [1] }, /^config.Cmd\[0\] must be a string/],
  [{ Cmd: [] }, /^config: Entrypoint and Cmd are both empty/],
  [{ Cmd: [''] }, /^config: the program to run is an empty word/],
  [{ Cmd: ['/a', 'x'.repeat(65536)] }, /^config: Env, Entrypoint and Cmd have 65540 bytes/],
  [{ WorkingDir: 'app' }, /^config.WorkingDir: "app" must be an absolute path/],
  [{ User: 'a b' }, /^config.User/],
  [{ User: 'a:b:c' }, /^config.User/],
  [{ User: ':0' }, /^config.User/],
  [{ User: '4294967295' }, /^config.User/],
  [{ StopSignal: 'SIGFOO' }, /^config.StopSignal/],
  [{ StopSignal: 0 }, /^config.StopSignal/],
  [{ StopSignal: 99 }, /^config.StopSignal/],
  [{ StopSignal: true }, /^config.StopSignal/],
]
test.each(refusedConfigs)('config %j is refused', (config, message) => {
  expect(() => withConfig(config)).toThrow(message)
})

test('bytes that are not JSON, not UTF-8 or too many are refused', () => {
  expect(() => parseManifest(Buffer.from('{'))).toThrow(/^image.json is not JSON/)
  expect(() => parseManifest(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/^image.json is not UTF-8/)
  expect(() => parseManifest(Buffer.alloc(262145, 32))).toThrow(/^image.json has 262145 bytes/)
})

test('what JSON.parse quotes of the text can not move the cursor of a terminal', () => {
  const text = '[\u001b[2J\u0007\n'
  expect(() => parseManifest(Buffer.from(text))).toThrow(
    /^image.json is not JSON: .*\\u001b\[2J\\u0007\\u000a/,
  )
})

test('whatever JSON says, the answer is a manifest or a ManifestError', () => {
  const config = fc.record({ Cmd: fc.anything(), Env: fc.anything(), User: fc.anything() })
  const near = fc.record({ architecture: fc.constantFrom('amd64', 'x'), config })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        near.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        try {
          parseManifest(Buffer.from(text))
        } catch (error) {
          if (!(error instanceof ManifestError)) throw error
        }
      },
    ),
  )
})

test.each([
  ['foo.txz', 'foo'],
  ['bar/foo.tar.gz', 'foo'],
  ['/a/b/foo-1.tar', 'foo-1'],
  ['foo.tgz', 'foo'],
  ['foo.tar.xz', 'foo'],
  ['foo.tar.zst', 'foo'],
  ['foo.tzst', 'foo'],
  ['foo', 'foo'],
])('%s is the app %s', (file, name) => {
  expect(appNameOf(file)).toBe(name)
})

test.each(['Foo.txz', '.txz', 'foo.zip', 'foo bar.tar', '-foo.tar', 'foo/', ''])(
  '%j cannot name an app',
  (file) => {
    expect(() => appNameOf(file)).toThrow(/cannot name an app: .*rename the file/)
  },
)
