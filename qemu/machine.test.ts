import { expect, test } from 'vitest'
import { qemuArguments } from './machine.ts'

const DISK = { disk: '/d.img' }
const KERNEL = { kernel: '/vmlinuz', initramfs: '/initrd', words: 'root=/dev/vda1 ro' }

/** The values that follow a word. */
const after = (words: readonly string[], word: string): string[] =>
  words.flatMap((one, index) => (words[index - 1] === word ? [one] : []))

test('a kernel that is handed over boots without a boot loader', () => {
  const words = qemuArguments(DISK, KERNEL)
  expect(after(words, '-kernel')).toEqual(['/vmlinuz'])
  expect(after(words, '-append')).toEqual(['root=/dev/vda1 ro'])
  // QEMU refuses a second device with the boot index of its own loader.
  expect(words.join(' ')).not.toContain('bootindex')
})

test('UEFI reads its code and writes its variables', () => {
  const drives = after(qemuArguments(DISK, { firmware: 'uefi', variables: '/vars' }), '-drive')
  expect(drives[0]).toMatch(/^if=pflash,unit=0,.*readonly=on/)
  expect(drives[1]).toBe('if=pflash,unit=1,format=raw,file=/vars')
  expect(qemuArguments(DISK, { firmware: 'bios' }).join(' ')).not.toContain('pflash')
})

test('each port is forwarded once', () => {
  const words = qemuArguments({ ...DISK, ports: [22, 80, 22] }, KERNEL)
  const [net] = after(words, '-netdev')
  expect(net?.match(/hostfwd=tcp:127\.0\.0\.1:0-:\d+/g)).toEqual([
    'hostfwd=tcp:127.0.0.1:0-:22',
    'hostfwd=tcp:127.0.0.1:0-:80',
  ])
})

test('on a cable nothing is forwarded, and no script of this machine sets it up', () => {
  const words = qemuArguments({ ...DISK, ports: [22], tapOf: 4711 }, KERNEL)
  expect(after(words, '-netdev')).toEqual(['tap,id=net,ifname=tap0,script=no,downscript=no'])
})

test('a guest that was suspended goes on from its file', () => {
  expect(after(qemuArguments({ ...DISK, resume: '/memory' }, KERNEL), '-incoming')).toEqual([
    "exec:cat '/memory'",
  ])
})
