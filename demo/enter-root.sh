#!/bin/sh
# In namespaces of its own: makes DIR/root the root and becomes its /sbin/init, as the kernel would start it.
# Says when the namespaces are there (descriptor 3), then reads init's arguments, one a line, to the end of
# descriptor 0: they name the network, which can only be made when the namespaces are there.
# Usage: enter-root.sh DIR overlay|bind [PROGRAM]
# With a PROGRAM, that one is run in the new root's directory with the words that would start init.
set -eu
dir=$1 how=$2 under=${3:-}
exec 2>&1
cd "$dir"
if [ "$how" = overlay ]; then
  # A file system of its own: what init does to it (remount, for one) can't reach the disk below.
  mount -t overlay -o "lowerdir=lower,upperdir=upper,workdir=work" overlay root
else
  mount --bind upper root
  # A user namespace may make no devices: it gets the machine's harmless ones, as any container does.
  mount -n -t tmpfs -o mode=755,nosuid dev root/dev
  for device in null zero full random urandom tty; do
    touch "root/dev/$device"
    mount -n --bind "/dev/$device" "root/dev/$device"
  done
fi
cd root
echo ready >&3
exec 3>&-
set --
while read -r word; do
  set -- "$@" "$word"
done
# What switch_root(8) does: the mount covers "/", and "/" is looked up again.
mount -n --move . /
exec env -i HOME=/ TERM=linux ${under:+"$under"} /usr/sbin/chroot . /sbin/init "$@" </dev/null
