// The file needs nothing of the machine it runs on.
import { mkdirSync, rmdirSync, writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION } from '../../protocol/version.ts'
import { ALL_CHECKS, emptyRoot, inSharedMounts, isRoot, passed, run } from './built-file.ts'

const root = isRoot ? emptyRoot() : { path: '', remove: () => undefined }
beforeAll(() => {
  if (isRoot) chmodSync(root.path, 0o755)
})
afterAll(() => root.remove())

test.runIf(isRoot)(
  'it works in a root with nothing but an empty /proc, and mounts for itself only',
  () => {
    const chroot = `chroot ${root.path} /solocloud cloud self-check`
    const mounts = `grep -c ${root.path} /proc/self/mountinfo || true`
    const done = run(inSharedMounts(`${chroot}; ${mounts}`))
    expect(done.err).toBe('')
    expect(done.status).toBe(0)
    const lines = done.out.trimEnd().split('\n')
    expect(lines.pop()).toBe('0') // nothing propagated out of the loader's mount namespace
    expect(passed({ ...done, out: `${lines.join('\n')}\n` })).toEqual(ALL_CHECKS)
  },
)

test.runIf(isRoot)('it starts there with standard streams closed', () => {
  const closed = run(inSharedMounts(`chroot ${root.path} /solocloud cloud --version <&- >&- 2>&-`))
  expect(closed).toEqual({ status: 0, out: '', err: '' })
  const twoClosed = run(inSharedMounts(`chroot ${root.path} /solocloud cloud --version <&- 2>&-`))
  expect(twoClosed).toEqual({ status: 0, out: `${VERSION}\n`, err: '' })
})

test.runIf(isRoot)('who may not mount /proc is told so', () => {
  const user = `chroot --userspec=65534:65534 ${root.path} /solocloud cloud --version`
  const done = run(inSharedMounts(user))
  expect(done.status).toBe(70)
  expect(done.err).toBe(
    'solocloud: /proc is not mounted here and only root may mount it: mount it first, or run as root\n',
  )
})

test.runIf(isRoot)('a root without /proc gets one', () => {
  rmdirSync(join(root.path, 'proc'))
  const done = run(inSharedMounts(`chroot ${root.path} /solocloud cloud --version`))
  expect(done).toEqual({ status: 0, out: `${VERSION}\n`, err: '' })
})

test.runIf(isRoot)("the machine's /etc/ld.so.preload is not for us", () => {
  mkdirSync(join(root.path, 'etc'))
  writeFileSync(join(root.path, 'etc/ld.so.preload'), '/no-such-library.so\n')
  const done = run(inSharedMounts(`chroot ${root.path} /solocloud cloud --version`))
  expect(done).toEqual({ status: 0, out: `${VERSION}\n`, err: '' })
})
