import pc from 'picocolors'
import { expect, test } from 'vitest'
import { CENTOS_7, DEBIAN, look, LXC, OPENVZ, type Tree, XEN_PV } from '../recorded-systems.ts'
import type { InstallOptions, InstallPlan } from './install-plan.ts'
import { planInstall } from './plan.ts'
import { formatPlan, formatRefusals, formatSystem } from './print.ts'

const PLAIN = pc.createColors(false)
const OPTIONS: InstallOptions = {
  ...{ method: 'auto', trialMs: 900_000, ssh: true, manage: null, insecure: false },
  ...{ purge: false, keep: [] },
}

function plan(tree: Tree): InstallPlan {
  const planned = planInstall(look(tree), OPTIONS)
  if ('plan' in planned) return planned.plan
  throw new Error(planned.refusals.join('\n'))
}

const printed = (tree: Tree): string => formatPlan(plan(tree), PLAIN)

test('what is there', () => {
  expect(formatSystem(look(DEBIAN), PLAIN)).toBe(`What is there
  system       Debian GNU/Linux 12 (bookworm), systemd
  machine      KVM, x64, 231.4 MiB of memory, 177.5 MiB available
  kernel       Linux 6.1.0-18-amd64, initramfs by initramfs-tools, 38.0 MiB
  boot loader  GRUB 2 (BIOS), /boot/grub/grub.cfg
  root         ext4 on vda1, 4.0 GiB free
  swap         /swapfile
  mount        /data, ext4 on /dev/vdb1
  kexec        possible
  host name    vps1
  eth0         DHCP, 2001:db8::5/64, via fe80::1 (/etc/network/interfaces)
  DNS          192.0.2.53
  ssh          port 22; root (may manage), bob, debian (may manage)
`)
  expect(formatSystem(look(CENTOS_7), PLAIN)).toContain(`
  boot loader  GRUB 2 (UEFI), /boot/efi/EFI/centos/grub.cfg
  root         xfs on dm-0 (lvm), 4.0 GiB free
  /boot        xfs on sda2, of its own
  kexec        not possible: systemd of an old version needs kexec-tools for it
`)
  expect(formatSystem(look(CENTOS_7), PLAIN)).toMatch(/\n  SELinux      enforcing\n$/)
})

test('a plan by kexec', () => {
  expect(printed(DEBIAN)).toBe(`What will be written
  +  /chroots            the app ssh, and later what you push
  +  /sbin/solocloud     the node: this very file, 114.0 MiB
  +  /var/lib/solocloud  settings, and the record of this installation

First boot
  The services stop in their order, and /boot/vmlinuz-6.1.0-18-amd64 starts
  again with init=/sbin/solocloud, without a boot of the machine (kexec: this
  kernel can be followed by another one without a boot).
  If the kernel refuses that, GRUB boots the entry solocloud once instead.

Trial
  Nothing that the old system boots from or reads has changed. Until you
  confirm, a reset, a panic, or 15m without a confirmation bring the old system
  back.
  To confirm: \`cloud confirm ssh://root@[2001:db8::5]\`; any other command of
  \`cloud\` to the node does it too.

Once it is confirmed
  ~  /boot/grub/custom.cfg        the entry solocloud, as the default
  ~  /sbin/halt -> solocloud      how hosts and people end a machine
  ~  /sbin/reboot -> solocloud    how hosts and people end a machine
  ~  /sbin/poweroff -> solocloud  how hosts and people end a machine

The way back
  During the trial: do nothing, or reset the machine.
  After that: \`cloud node uninstall\` puts every changed path back, byte for
  byte, and reboots into the old system, as long as it has not been deleted with
  \`cloud node purge\`.
`)
})

test('other methods say what changes before the confirmation', () => {
  expect(printed(CENTOS_7)).toContain(`
  ~  /boot/efi/EFI/centos/custom.cfg  the entry solocloud
  ~  /boot/efi/EFI/centos/grubenv     that entry, for the next boot only

First boot
  The machine reboots, and GRUB boots the entry solocloud this one time (grub:
  GRUB boots an entry once, and the old system otherwise).
`)
  expect(printed(XEN_PV)).toContain(`
  ~  /boot/grub/menu.lst  the entries solocloud, as the default, and Debian`)
  expect(printed(XEN_PV)).toContain(`
Mind
  - The host's boot loader has no entry for one boot: if the node does not even
    start, choose the old system's entry on the host's console, or \`pygrub\`
    boots the node again.
`)
  expect(printed(OPENVZ)).toContain('\n  ~  /sbin/init -> solocloud  what the container')
})

test('a container is restarted, not reset', () => {
  const text = printed(OPENVZ).replaceAll(/\s+/g, ' ')
  expect(text).toContain('Until you confirm, a restart of the container, or 15m without a')
  expect(text).toContain('During the trial: do nothing, or restart the container from its host.')
  expect(text).not.toMatch(/reset|panic/)
})

test('no line is wider than a terminal', () => {
  for (const tree of [DEBIAN, OPENVZ])
    expect(
      Math.max(
        ...printed(tree)
          .split('\n')
          .map(({ length }) => length),
      ),
    ).toBeLessThan(81)
})

test('colours do not move the columns', () => {
  const colours = pc.createColors(true)
  const text = formatPlan(plan(DEBIAN), colours)
  expect(text).toContain(`  ${colours.green('+')}  /sbin/solocloud     the node`)
  const escape = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
  expect(text.replace(escape, '')).toBe(printed(DEBIAN))
})

test('refusals', () => {
  const planned = planInstall(look(LXC), OPTIONS)
  if (!('refusals' in planned)) throw new Error('not refused')
  expect(formatRefusals(planned.refusals, PLAIN)).toBe(`Nothing was changed, because
  - This is an LXC container, whose host decides what runs in it: install on a
    virtual machine instead. If the host starts this container by its
    /sbin/init, say so with --method openvz.
`)
})
