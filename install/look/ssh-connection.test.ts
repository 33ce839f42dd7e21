import { expect, test } from 'vitest'
import { withTree, type Tree } from '../recorded-systems.ts'
import { oldSystem } from './old-system.ts'
import { lookSshConnection } from './ssh-connection.ts'

const look = (tree: Tree) => withTree(tree, (root) => lookSshConnection(oldSystem(root)))

const WORDS = '192.0.2.7 50000 2001:db8::5 2222'
const FOUND = { text: WORDS, server: '2001:db8::5', port: 2222 }

test("of this process, or from under sudo's feet", () => {
  expect(look({ '/proc/self/environ': `A=1\0SSH_CONNECTION=${WORDS}\0` })).toEqual(FOUND)
  const tree = {
    '/proc/self/environ': 'A=1\0',
    '/proc/self/stat': '30 (solo) x) S 20 30 1 0',
    '/proc/20/environ': 'XSSH_CONNECTION=no\0',
    '/proc/20/stat': '20 (sudo) S 10 1',
    '/proc/10/environ': `SSH_CONNECTION=${WORDS}\0`,
  }
  expect(look(tree)).toEqual(FOUND)
})

test('nobody came by ssh, or what is there is something else', () => {
  expect(look({ '/proc/self/stat': '30 (x) S 1 1', '/proc/1/stat': '1 (init) S 0 1' })).toBeNull()
  expect(look({ '/proc/self/stat': '30 (x) S 30 1' })).toBeNull()
  expect(look({ '/proc/self/environ': 'SSH_CONNECTION=x\0' })).toBeNull()
})
