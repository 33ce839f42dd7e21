import { expect, test } from 'vitest'
import { PACKAGES, PEERS, SERVICE, stampFile } from './peers.ts'

const COUNT = 1000

test('a supervisor is told of every service, each with a file of its own to stamp', () => {
  for (const peer of PEERS.filter(({ supervises }) => supervises)) {
    const text = peer
      .files(COUNT)
      .map((file) => file.text)
      .join('\n')
    for (const index of [0, 17, COUNT - 1]) {
      expect(text, peer.name).toMatch(new RegExp(`${SERVICE} ${stampFile(index)}\\b`))
    }
    expect(new Set(peer.files(COUNT).map(({ path }) => path)).size).toBe(peer.files(COUNT).length)
  }
})

test("sysvinit's entries have names that are short and differ", () => {
  const inittab = PEERS.find(({ name }) => name === 'sysvinit')?.files(COUNT)[0]?.text ?? ''
  const names = inittab.split('\n').flatMap((line) => line.split(':')[0] ?? [])
  const entries = names.filter((name) => name !== '')
  expect(entries).toHaveLength(COUNT + 1)
  expect(new Set(entries).size).toBe(COUNT + 1)
  expect(entries.every((name) => name.length <= 4)).toBe(true)
})

test('what supervises nothing gets its service as its argument', () => {
  const others = PEERS.filter(({ supervises }) => !supervises)
  expect(others.map(({ name }) => name)).toEqual(['tini', 'dumb-init'])
  for (const peer of others) expect(peer.words(1)).toContain(SERVICE)
})

test('every peer with a package has it among what is fetched', () => {
  for (const peer of PEERS) expect(PACKAGES).toContain(peer.package)
})
