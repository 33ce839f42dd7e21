import pc from 'picocolors'
import { beforeEach, expect, test } from 'vitest'
import { ExitCode, InstallError } from './errors.ts'
import type { Io } from './io.ts'
import type { InstallPlan } from './plan/install-plan.ts'
import { DEBIAN, look, LXC } from './recorded-systems.ts'
import { run, type Steps } from './run.ts'

const debian = look(DEBIAN)
const lxc = look(LXC)
let out: string
let err: string
let asked: number
let acted: InstallPlan[]
beforeEach(() => {
  out = ''
  err = ''
  asked = 0
  acted = []
})

function io(answer: string | null): Io {
  return {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env: {},
    colors: pc.createColors(false),
    ask:
      answer === null
        ? null
        : () => {
            asked++
            return Promise.resolve(answer)
          },
  }
}

const steps = (system = debian): Steps => ({
  look: () => Promise.resolve(system),
  act: (plan, tell) => {
    acted.push(plan)
    tell('going down')
    return Promise.resolve()
  },
})

const install = (words: string, answer: string | null = null, system = debian) =>
  run(
    words.split(' ').filter((word) => word !== ''),
    io(answer),
    steps(system),
  )

test('a dry run prints the plan and asks nobody', async () => {
  expect(await install('--dry-run', 'y')).toBe(ExitCode.ok)
  expect(out).toMatch(/^What is there\n[^]*\nWhat will be written\n[^]*\nThe way back\n/)
  expect([asked, acted, err]).toEqual([0, [], ''])
})

test('only yes is yes', async () => {
  for (const answer of ['', 'n', 'yeah', 'no'])
    expect(await install('', answer)).toBe(ExitCode.failed)
  expect([asked, acted.length]).toEqual([4, 0])
  expect(err).toContain('solocloud: Nothing was changed.\n')
  for (const answer of ['y', ' YES\n']) expect(await install('', answer)).toBe(ExitCode.ok)
  expect(acted).toHaveLength(2)
  expect(out).toContain('\ngoing down\n')
})

test('where nobody can be asked, --yes is needed', async () => {
  expect(await install('')).toBe(ExitCode.usage)
  expect(err).toContain('add --yes')
  expect(acted).toEqual([])
  expect(await install('--yes')).toBe(ExitCode.ok)
  expect(acted).toHaveLength(1)
})

test('what is refused is not asked about', async () => {
  expect(await install('--yes', 'y', lxc)).toBe(ExitCode.failed)
  expect(err).toContain('Nothing was changed, because\n  - This is an LXC container')
  expect([asked, acted]).toEqual([0, []])
})

test('JSON: the whole plan, then what happens, one value a line', async () => {
  expect(await install('--json --yes')).toBe(ExitCode.ok)
  const [plan, event, ...rest] = out.split('\n').filter((line) => line !== '')
  expect(JSON.parse(plan ?? '')).toMatchObject({
    plan: { firstBoot: { method: 'kexec' }, system: { virtualisation: 'KVM' } },
  })
  expect([JSON.parse(event ?? ''), rest]).toEqual([{ event: 'going down' }, []])
  out = ''
  expect(await install('--json', 'y', lxc)).toBe(ExitCode.failed)
  expect(JSON.parse(out)).toMatchObject({ refusals: [expect.stringContaining('LXC')] })
  expect(await install('--json', 'y')).toBe(ExitCode.usage)
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'not-confirmed' } })
})

test('an error of an act is told with its exit code, and a bug as one', async () => {
  const failing = (error: Error): Steps => ({ ...steps(), act: () => Promise.reject(error) })
  const gone = new InstallError(ExitCode.failed, 'taken-back', 'The disk is full.')
  expect(await run(['--yes'], io(null), failing(gone))).toBe(ExitCode.failed)
  expect(err).toBe('solocloud: The disk is full.\n')
  expect(await run(['--yes'], io(null), failing(new Error('BUG: x')))).toBe(ExitCode.failed)
  expect(err).toContain('BUG: x; this is a bug')
})

const WRONG: readonly [string, string][] = [
  ['--trial 5', '--trial wants a time'],
  ['--trial 29s', '--trial wants a time'],
  ['--trial 169h', '--trial wants a time'],
  ['--manage 5678', '--manage wants HOST:PORT'],
  ['--keep srv', '--keep wants an absolute path'],
  ['--keep /srv/../etc', '--keep wants an absolute path'],
  ['--method lilo', 'Allowed choices are auto, kexec, grub, pygrub, openvz. See'],
  ['--foo', "unknown option '--foo'"],
  ['foo', 'too many arguments'],
]
test.each(WRONG)('a wrong word: %s', async (words, sentence) => {
  expect(await install(words, 'y')).toBe(ExitCode.usage)
  expect(err).toContain(sentence)
  expect([asked, acted]).toEqual([0, []])
})

test('words become options', async () => {
  const words = '--trial 2h --no-ssh --manage [::]:1 --insecure --purge --keep /a --keep /b --yes'
  expect(await install(words)).toBe(ExitCode.ok)
  expect(acted[0]?.options).toEqual({
    ...{ method: 'auto', trialMs: 7_200_000, ssh: false, manage: '[::]:1', insecure: true },
    ...{ purge: true, keep: ['/a', '/b'] },
  })
})

test('help is no error', async () => {
  expect(await install('--help')).toBe(ExitCode.ok)
  expect(out).toContain('Exit codes:')
})
