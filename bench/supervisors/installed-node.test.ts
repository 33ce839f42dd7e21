import { expect, test } from 'vitest'
import { appName, appStampFile, copyOf } from './installed-node.ts'

test("a copy's notes differ in the file that its service stamps alone", () => {
  const note = JSON.stringify({ digest: 'sha256:stamp', Cmd: ['/bin/service', appStampFile(0)] })
  expect(JSON.parse(copyOf(note, 17))).toEqual({
    digest: 'sha256:stamp',
    Cmd: ['/bin/service', appStampFile(17)],
  })
  expect(appName(17)).toBe('service-0017')
})
