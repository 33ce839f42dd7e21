#!/bin/sh
# Process 1 of the guest that finishes a disk: puts the boot loader onto it and turns itself off.
set -eux
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -a
if mountpoint -q /boot/efi; then
  # The path that every firmware looks at, as for a machine whose variables are not known yet.
  grub-install --target=x86_64-efi --no-nvram --force-extra-removable
else
  grub-install --target=i386-pc /dev/vda
fi
update-grub
# mkfs.xfs's prototypes have no sticky bit.
chmod 1777 /tmp /var/tmp
# While a shell reads it, this file keeps its file system busy.
exec sh -euxc '
  rm "$0"
  if mountpoint -q /boot/efi; then umount /boot/efi; fi
  if mountpoint -q /boot; then umount /boot; fi
  mount -o remount,ro /
  echo "the boot loader is in place"
  echo o >/proc/sysrq-trigger
  sleep 60' "$0"
