#!/bin/sh
# In namespaces of its own: makes an overlay of LOWER and DIR/upper the root, and becomes the program there.
# It gets no capability that could reach this machine: no mounts, no reboot, no modules, no clock, no raw I/O.
# Usage: enter-peer.sh DIR LOWER PROGRAM WORDS...
set -eu
dir=$1 lower=$2
shift 2
cd "$dir"
mount -t overlay -o "lowerdir=$lower,upperdir=upper,workdir=work" overlay root
mount -n -t proc proc root/proc
mount -n --bind root/proc/sys root/proc/sys
mount -n -o remount,bind,ro root/proc/sys
[ ! -e root/proc/sysrq-trigger ] || mount -n --bind /dev/null root/proc/sysrq-trigger
mount -n -t tmpfs -o mode=755,nosuid run root/run
mkdir root/run/stamps
mount -n -t tmpfs -o mode=755,nosuid dev root/dev
for device in null zero full random urandom; do
  touch "root/dev/$device"
  mount -n --bind "/dev/$device" "root/dev/$device"
done
# A console that takes everything and says nothing.
touch root/dev/console
mount -n --bind /dev/null root/dev/console
cd root
mount -n --move . /
capabilities=-all
for name in chown dac_override fowner fsetid kill setgid setuid sys_chroot sys_resource; do
  capabilities=$capabilities,+$name
done
path=PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec env -i "$path" HOME=/ setpriv --bounding-set="$capabilities" /usr/sbin/chroot . "$@"
