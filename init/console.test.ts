import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBootLog, openTerminal } from './console.ts'

let directory: string
let shown: string
const terminal = { write: (text: string) => void (shown += text) }
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'solocloud-log-'))
  shown = ''
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const lines = (path: string): { level: number; msg: string }[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; msg: string })

test('people see the short lines, the file has everything, also from before it was there', () => {
  const log = createBootLog(terminal)
  log.info({ flags: 7 }, 'mounted /proc')
  log.say('listening on unix:/run/solocloud/manage.sock')
  const path = join(directory, 'solocloud', 'boot.log')
  log.open(path)
  log.complain('no /dev/shm', new Error('EPERM'))
  expect(shown).toBe(
    'solocloud: listening on unix:/run/solocloud/manage.sock\nsolocloud: warning: no /dev/shm: EPERM\n',
  )
  expect(lines(path)).toMatchObject([
    { msg: 'mounted /proc', flags: 7 },
    { msg: 'listening on unix:/run/solocloud/manage.sock' },
    { msg: 'no /dev/shm', level: 40, err: { message: 'EPERM' } },
  ])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('the file is bounded: one full one is kept', () => {
  const log = createBootLog(terminal)
  const path = join(directory, 'boot.log')
  log.open(path)
  for (let i = 0; i < 1200; i++) log.info({ padding: 'x'.repeat(1000) }, `line ${i}`)
  expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThan(1100 * 1024)
  expect(lines(path).at(-1)?.msg).toBe('line 1199')
})

test('control characters do not reach the console', () => {
  createBootLog(terminal).say('app \x1b[2J\u202e runs')
  expect(shown).toBe('solocloud: app ?[2J? runs\n')
})

test('a place that cannot be written to is survived', () => {
  const log = createBootLog(terminal)
  log.open('/proc/no-such-directory/boot.log')
  log.say('still here')
  expect(shown).toContain('still here')
  expect(() => openTerminal().write('')).not.toThrow()
})
