import { expect, test } from 'vitest'
import { type NodeKernel, nodeWords, oldWords } from './command-line.ts'

const NODE = 'init=/sbin/solocloud panic=30'
const PLAIN: NodeKernel = { selinux: 'absent', trialMs: null }
const node = (commandLine: string, kernel = PLAIN): string =>
  nodeWords(commandLine, kernel).join(' ')

test("the machine's words stay, the boot loader's and those for another init go", () => {
  const running =
    'BOOT_IMAGE=(hd0,msdos1)/vmlinuz root=UUID=1 ro console=ttyS0,115200 quiet crashkernel=auto initrd=\\initrd init=/bin/sh panic=5'
  expect(node(running)).toBe(`root=UUID=1 ro console=ttyS0,115200 quiet ${NODE}`)
  expect(oldWords(running).join(' ')).toBe(
    'root=UUID=1 ro console=ttyS0,115200 quiet crashkernel=auto init=/bin/sh panic=5',
  )
})

test('words of a repair go', () => {
  expect(node('root=/dev/sda1 single systemd.unit=rescue.target S 1 rd.break')).toBe(
    `root=/dev/sda1 ${NODE}`,
  )
  expect(node('root=/dev/sda1 emergency recovery "init=/x"')).toBe(`root=/dev/sda1 ${NODE}`)
})

test('quotes hold a word together, and what is after -- is not for the kernel', () => {
  expect(node('dyndbg="file x +p" a=1 -- init=/y b')).toBe(`dyndbg="file x +p" a=1 ${NODE}`)
  expect(node('a=1 b="never ends')).toBe(`a=1 ${NODE}`)
})

test('a boot that happens once has its trial among its words, in seconds', () => {
  const once = node('root=/dev/sda1', { ...PLAIN, trialMs: 900_000 })
  expect(once).toBe(`root=/dev/sda1 ${NODE} solocloud.trial=900`)
  expect(node(once)).toBe(`root=/dev/sda1 ${NODE}`)
})

test('again it is the same', () => {
  expect(node(node('root=/dev/sda1 ro'))).toBe(`root=/dev/sda1 ro ${NODE}`)
})

test('where SELinux is at home, it is off for the node, whatever was asked of it', () => {
  for (const selinux of ['enforcing', 'permissive', 'disabled'] as const) {
    const words = node('root=/dev/sda1 selinux=1 enforcing=0 quiet', { ...PLAIN, selinux })
    expect(words).toBe(`root=/dev/sda1 quiet selinux=0 ${NODE}`)
    expect(node(words, { ...PLAIN, selinux })).toBe(words)
  }
  expect(node('root=/dev/sda1 selinux=0')).toBe(`root=/dev/sda1 selinux=0 ${NODE}`)
})
