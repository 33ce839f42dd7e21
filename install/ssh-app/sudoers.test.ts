import { expect, test } from 'vitest'
import { OldSystemFixture } from './fixture-old-system.ts'
import { oldFiles } from './old-files.ts'
import { administrators } from './sudoers.ts'
import { readUserDatabase } from './user-database.ts'

const USERS = ['root', 'ann', 'bob', 'carl', 'dora'] as const
const PASSWD = USERS.map((name, at) => `${name}:x:${at === 0 ? 0 : 1000 + at}:1000::/home:/bin/sh`)
const GROUP = ['root:x:0:', 'users:x:1000:', 'sudo:x:27:bob', 'ops:x:60:carl,dora'].join('\n')

function named(sudoers: string, others: Readonly<Record<string, string>> = {}): string[] {
  using old = new OldSystemFixture({
    '/etc/passwd': PASSWD.join('\n'),
    '/etc/group': GROUP,
    '/etc/sudoers': sudoers,
    ...others,
  })
  const files = oldFiles(old.root)
  const database = readUserDatabase(files)
  const isAdministrator = administrators(files, database)
  return database.users.filter(isAdministrator).map(({ name }) => name)
}

test('without sudo: root, and the groups of custom', () => {
  expect(named('')).toEqual(['root', 'bob'])
})

test.each([
  ['ann ALL=(ALL:ALL) NOPASSWD: ALL', 'ann'],
  ['ann ALL=(ALL) NOPASSWD:ALL', 'ann'],
  ['ann\tALL=ALL', 'ann'],
  ['ann ALL=(root) SETENV: NOPASSWD: ALL # a comment', 'ann'],
  ['ann ALL = \\\n (ALL) ALL', 'ann'],
  ['#1001 ALL=(ALL) ALL', 'ann'],
  ['carl, ann ALL=(ALL) ALL', 'ann carl'],
  ['%ops ALL=(ALL) ALL', 'carl dora'],
  ['%#60 ALL=(ALL) NOPASSWD: ALL', 'carl dora'],
  ['User_Alias ADMINS = ann, %ops\nADMINS ALL=(ALL) ALL', 'ann carl dora'],
])('who has everything: %s', (line, expected) => {
  expect(named(line).filter((name) => !/root|bob/.test(name))).toEqual(expected.split(' '))
})

test.each([
  ['# ann ALL=(ALL) ALL'],
  ['ann ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart web'],
  ['ann ALL=(www-data) NOPASSWD: ALL'],
  ['ann ALL=(ALL) ALL, !/bin/su'],
  ['Defaults:ann env_keep=ALL'],
  ['Runas_Alias X = ALL'],
  ['Cmnd_Alias EVERYTHING = ALL'],
  ['%opsy ALL=(ALL) ALL'],
  ['!ann ALL=(ALL) ALL'],
])('who has not: %s', (line) => {
  expect(named(line)).toEqual(['root', 'bob'])
})

test('included files count, but for those that sudo passes over', () => {
  const found = named('@includedir /etc/sudoers.d\n#include sudoers.local\n', {
    '/etc/sudoers.d/90-cloud-init-users': 'ann ALL=(ALL) NOPASSWD:ALL\n',
    '/etc/sudoers.d/carl.bak': 'carl ALL=(ALL) ALL\n',
    '/etc/sudoers.d/carl~': 'carl ALL=(ALL) ALL\n',
    '/etc/sudoers.local': 'dora ALL=(ALL) ALL\n@include /etc/sudoers.local\n',
  })
  expect(found).toEqual(['root', 'ann', 'bob', 'dora'])
})
