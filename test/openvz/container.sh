#!/bin/sh
# Starts a container as an OpenVZ host does, and becomes its /sbin/init. Its root has no capability over anything
# outside of it: it is in a user namespace, with all ids, as in OpenVZ 7.
# In the host's part of it (a mount namespace): container.sh host DIR KERNEL SOCKET VZCTL
#   DIR/disk: the container's files; KERNEL, SOCKET: of openvz-kernel; VZCTL: what becomes init.
# It says on descriptor 3 when the namespaces are there, and waits for the end of descriptor 0: until then, who
# has started it maps the ids and makes the network.
set -eu
part=$1

# Only what a host gives: standard devices, no kernel's device file system.
host() {
  [ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] || exit 70
  cd "$1"
  mkdir -p root
  mount -n --bind disk root
  mount -n -t tmpfs -o mode=755,nosuid,size=64k dev root/dev
  for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    echo "$device" | (read -r name numbers && mknod -m 666 "root/dev/$name" c $numbers)
  done
  exec unshare --user --pid --mount --net --uts --ipc --cgroup --fork --kill-child -- \
    /bin/sh "$script" waiting "$@"
}

# Nobody yet, as no id is mapped: root's rights come with the next exec, but for those that CAPDEFAULTMASK of vzctl
# lacks (there VE_ADMIN stands for SYS_ADMIN and NET_ADMIN). Who gains rights loses its parent's death signal
# (prctl(2)): it is set again.
waiting() {
  echo ready >&3
  exec 3>&-
  cat >/dev/null
  never=-sys_module,-sys_rawio,-sys_time,-sys_pacct,-syslog,-mac_admin,-mac_override
  never=$never,-audit_control,-audit_read,-wake_alarm,-block_suspend
  exec setpriv --pdeathsig KILL "--bounding-set=$never" -- "$2" "$3" /bin/sh "$script" container "$@"
}

read_only() {
  mount -n --bind "$1" "$1"
  mount -n -o remount,bind,ro,nosuid,nodev,noexec "$1"
}

container() {
  [ $$ = 1 ] || exit 70
  cd "$1"
  exec 9<"$4"
  # A mount of this namespace's own can be moved.
  mount -n --rbind root root
  cd root
  mount -n -t proc -o nosuid,nodev,noexec proc proc
  # All of it is this machine's, but for the network.
  for path in sys sysrq-trigger irq fs; do
    [ ! -e "proc/$path" ] || read_only "proc/$path"
  done
  mount -n --bind proc/sys/net proc/sys/net
  mount -n -o remount,bind,rw,nosuid,nodev,noexec proc/sys/net
  mount -n -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
  mount -n -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
  pivot_root . .
  # There may be no program in this root but init.
  exec /proc/self/fd/9 pivoted
}

script=$(realpath "$0")
shift
"$part" "$@"
