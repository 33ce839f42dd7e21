import { expect, test } from 'vitest'
import { candidates } from './packages.ts'

const POLICY = `runit:
  Installed: (none)
  Candidate: 2.1.2-54
  Version table:
     2.1.2-54 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
s6:
  Installed: (none)
  Candidate: (none)
  Version table:
`

test("apt's candidates are read, and a package that it lacks is named", () => {
  expect(candidates(POLICY, ['runit']).get('runit')).toBe('2.1.2-54')
  expect(() => candidates(POLICY, ['runit', 's6', 'tini'])).toThrow(/knows no s6, tini/)
})
