import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../netlink/link.ts'
import { FakeKernel, fakeLink } from './fake-kernel.ts'
import { renameLinks, renames } from './link-names.ts'

const mac = (index: number): string => `02:00:00:00:00:0${index}`
/** Numbers from 1 on. */
const called = (...names: string[]): Link[] =>
  names.map((name, i) => fakeLink(i + 1, name, mac(i + 1)))
const nobody = (): boolean => false

function rename(
  links: Link[],
  wanted: Record<number, string>,
  inUse: (link: Link) => boolean = nobody,
) {
  const kernel = new FakeKernel(links)
  const problems: string[] = []
  const names = new Map(Object.entries(wanted).map(([index, name]) => [Number(index), name]))
  const steps = renames(links, names, inUse)
  const changed = renameLinks(kernel, steps, (problem) => void problems.push(problem))
  return { kernel, problems, changed, names: kernel.names() }
}

test('the right names stay', () => {
  expect(rename(called('lo', 'eth0'), { 2: 'eth0' })).toMatchObject({
    changed: false,
    problems: [],
  })
})

test('a name that is free is taken, what is up goes down for it', () => {
  const { kernel } = rename([{ ...fakeLink(1, 'eth0', mac(1)), up: true }], { 1: 'ens3' })
  expect(kernel.story).toEqual(['down 1', 'name 1 ens3'])
})

test('two change places', () => {
  const { names, problems, kernel } = rename(called('eth0', 'eth1'), { 1: 'eth1', 2: 'eth0' })
  expect(names).toEqual(['eth1', 'eth0'])
  expect(problems).toEqual([])
  expect(kernel.story).toEqual(['name 2 eth2', 'name 1 eth1', 'name 2 eth0'])
})

test('one that the plan does not know makes room', () => {
  expect(rename(called('eth0', 'eth1'), { 2: 'eth0' }).names).toEqual(['eth2', 'eth0'])
})

test('one in use keeps its name', () => {
  const { names, changed } = rename(
    called('eth0', 'eth1'),
    { 2: 'eth0' },
    ({ index }) => index === 1,
  )
  expect(names).toEqual(['eth0', 'eth1'])
  expect(changed).toBe(false)
})

test('a refusal is said, and the others are renamed', () => {
  const links = called('eth0', 'eth1')
  const kernel = new FakeKernel(links.slice(1))
  const problems: string[] = []
  const steps = renames(
    links,
    new Map([
      [1, 'ens3'],
      [2, 'ens4'],
    ]),
    nobody,
  )
  renameLinks(kernel, steps, (problem) => void problems.push(problem))
  expect(problems).toEqual(['eth0: it cannot be called ens3'])
  expect(kernel.names()).toEqual(['ens4'])
})

test('any permutation of any names ends as it is wanted', () => {
  const names = ['eth0', 'eth1', 'eth2', 'ens3', 'enp1s0', 'wan']
  fc.assert(
    fc.property(
      fc.shuffledSubarray(names, { minLength: 1 }),
      fc.shuffledSubarray(names, { minLength: 1 }),
      (now, then) => {
        const wanted = Object.fromEntries(then.slice(0, now.length).map((name, i) => [i + 1, name]))
        const { names: after, problems } = rename(called(...now), wanted)
        expect(problems).toEqual([])
        expect(new Set(after).size).toBe(now.length)
        for (const [index, name] of Object.entries(wanted))
          expect(after[Number(index) - 1]).toBe(name)
      },
    ),
  )
})
