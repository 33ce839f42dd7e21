import { expect, test } from 'vitest'
import { readAuthorizedKeys } from './authorized-keys.ts'
import { KEY, NOW_MS } from './fixture-old-system.ts'

const CLOUD_INIT =
  'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo \'Please login as the user ' +
  '\\"debian\\" rather than the user \\"root\\".\';echo;sleep 10;exit 142"'
const count = (text: string): [free: number, restricted: number] => {
  const { free, restricted } = readAuthorizedKeys(text, NOW_MS)
  return [free.length, restricted]
}

test.each([
  [KEY],
  [`  ${KEY}  `],
  [`ecdsa-sha2-nistp256 ${'B'.repeat(64)}==`],
  [`sk-ssh-ed25519@openssh.com ${'C'.repeat(64)}`],
  [`ssh-rsa ${'D'.repeat(372)} a comment with blanks`],
  [`from="192.0.2.0/24,*.example.com",no-pty ${KEY}`],
  [`environment="A=b c",no-agent-forwarding ${KEY}`],
  [`restrict,port-forwarding,pty ${KEY}`],
  [`cert-authority,principals="admins" ${KEY}`],
  [`expiry-time="20260102" ${KEY}`],
])('it lets in: %s', (line) => {
  expect(readAuthorizedKeys(line, NOW_MS)).toEqual({ free: [line.trim()], restricted: 0 })
})

test.each([
  [`${CLOUD_INIT} ${KEY}`],
  [`command="/usr/bin/backup" ${KEY}`],
  [`COMMAND="x" ${KEY}`],
  [`no-port-forwarding ${KEY}`],
  [`restrict,pty ${KEY}`],
  [`port-forwarding,restrict ${KEY}`],
  [`expiry-time="20251231" ${KEY}`],
  [`expiry-time="202512312359Z" ${KEY}`],
  [`expiry-time="soon" ${KEY}`],
])('it does not: %s', (line) => {
  expect(count(line)).toEqual([0, 1])
})

test.each([
  [''],
  [`# ${KEY}`],
  ['ssh-ed25519'],
  ['ssh-ed25519 not/base64!'],
  [`ssh-dss ${'A'.repeat(68)}`],
  [`command="unfinished ${KEY}`],
  ['-----BEGIN OPENSSH PRIVATE KEY-----'],
])('no key: %j', (line) => {
  expect(count(line)).toEqual([0, 0])
})

test('each line counts for itself', () => {
  expect(count(`${CLOUD_INIT} ${KEY}\n\n# mine\n${KEY}\r\n${KEY}\n`)).toEqual([2, 1])
})
