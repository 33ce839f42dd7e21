// The machines that the installer is proven on are what they shall be: a real Debian with its own boot loader.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { userCacheDir } from '../../qemu/cache.ts'
import { pygrub } from '../../qemu/pygrub.ts'
import { DebianGuest } from './debian-guest.ts'

const MAKE_MS_MAX = 1_200_000
const BOOTS_MS_MAX = 900_000

let guest: DebianGuest
beforeAll(async () => void (guest = await DebianGuest.make()), MAKE_MS_MAX)
afterAll(async () => guest[Symbol.asyncDispose]())

test(
  'Debian boots by GRUB from its partition, lets a person in, and goes on after a suspension',
  async () => {
    const vps = await guest.start()
    await vps.console.waitFor(/Booting `Debian GNU\/Linux'/, 60_000)
    const ms = await guest.waitForLogin('debian')
    process.stderr.write(`Debian: power-on to login ${(ms / 1000).toFixed(1)} s\n`)
    const facts = 'cat /proc/1/comm; findmnt -no SOURCE /; uname -r; sudo id -u'
    const found = await guest.ssh.get(facts, { user: 'debian' })
    expect(found).toMatch(/^systemd\n\/dev\/vda1\n6\.1\S+-cloud-amd64\n0\n$/)

    const memory = `${guest.dir}/memory`
    await vps.suspend(memory)
    await guest.start({ resume: memory })
    expect(await guest.waitForLogin()).toBeLessThan(60_000)
    expect(await guest.ssh.get('cat /proc/sys/kernel/hostname')).toBe('old-debian\n')
    await guest.powerOff()
  },
  BOOTS_MS_MAX,
)

test(
  'pygrub reads the same disk, and what it hands out boots',
  async () => {
    const boot = await pygrub(guest.disk, `${guest.dir}/pygrub`, userCacheDir(), () => undefined)
    expect(boot.words).toMatch(/^root=UUID=\S+ ro console=ttyS0/)
    await guest.start({ boot })
    await guest.waitForLogin()
    expect(await guest.ssh.get('cat /proc/cmdline')).toBe(`${boot.words}\n`)
  },
  BOOTS_MS_MAX,
)
