#!/bin/bash
# Lays out the image's directory of Debian's own packages: dropbear, a static busybox, and an nc that knows Unix
# sockets. They are downloaded and unpacked; nothing of this machine changes.
# Usage: stage.sh PUBLIC_KEY_FILE HOST_KEY_FILE DIRECTORY. The host key is made when it is not there.
set -euo pipefail

# With their libraries: those of one release belong together.
readonly PACKAGES='dropbear-bin libtomcrypt1 libtommath1 libgmp10 libcrypt1 zlib1g busybox-static
  netcat-openbsd libbsd0 libmd0'
# Of libc6 these alone are needed.
readonly LIBC='libc.so.6 libresolv.so.2 ld-linux-x86-64.so.2'

readonly key=${1:-} host_key=${2:-} target=${3:-}
if [ -z "$target" ]; then
  echo 'usage: stage.sh PUBLIC_KEY_FILE HOST_KEY_FILE DIRECTORY' >&2
  exit 2
fi
if ! grep -Eq '^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*' "$key" 2>/dev/null; then
  echo "There is no public key in ${key:-KEY}: name yours, like KEY=~/.ssh/id_ed25519.pub." >&2
  exit 1
fi

packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
chmod 755 "$packages"
# As root, apt drops to the user _apt, who may not write here: without this it warns.
# shellcheck disable=SC2086 # They are words.
(cd "$packages" && apt-get -qq -o APT::Sandbox::User=root download $PACKAGES libc6)
dpkg-deb --extract "$packages"/libc6_*.deb "$packages/libc"
rm "$packages"/libc6_*.deb
for deb in "$packages"/*.deb; do dpkg-deb --extract "$deb" "$packages/root"; done

rm -rf "$target"
mkdir -p "$target"/{bin,etc/dropbear,root/.ssh,run,usr/bin,usr/sbin,var/log}
cp -a "$packages/root/usr/sbin/dropbear" "$target/usr/sbin/"
cp -a "$packages/root/bin/busybox" "$target/bin/"
cp -a "$packages/root/bin/nc.openbsd" "$target/usr/bin/"
# What dropbear can't do: from standard input to the management socket, and back.
printf '#!/bin/sh\nexec nc.openbsd -U /run/solocloud/manage.sock\n' >"$target/usr/bin/manage-node"
chmod 755 "$target/usr/bin/manage-node"
for directory in lib usr/lib; do
  mkdir -p "$target/$directory/x86_64-linux-gnu"
  find "$packages/root/$directory" -name '*.so.*' -exec cp -a {} "$target/$directory/x86_64-linux-gnu/" \;
done
for library in $LIBC; do
  cp "$packages/libc/lib/x86_64-linux-gnu/$library" "$target/lib/x86_64-linux-gnu/"
done
mkdir "$target/lib64"
mv "$target/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$target/lib64/"
for applet in $("$target/bin/busybox" --list); do
  # An app has no machine to stop: that is `cloud reboot`.
  case "$applet" in busybox | init | linuxrc | halt | poweroff | reboot) continue ;; esac
  ln -s busybox "$target/bin/$applet"
done

echo 'root:x:0:0:root:/root:/bin/sh' >"$target/etc/passwd"
echo 'root:x:0:' >"$target/etc/group"
echo 'root:*:::::::' >"$target/etc/shadow"
echo '/bin/sh' >"$target/etc/shells"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' >"$target/etc/nsswitch.conf"
cp "$key" "$target/root/.ssh/authorized_keys"

# The same in every image that is built here, so that a push changes no known_hosts.
if ! [ -f "$host_key" ]; then
  mkdir -p "$(dirname "$host_key")"
  (
    umask 077
    LD_LIBRARY_PATH=$target/usr/lib/x86_64-linux-gnu:$target/lib/x86_64-linux-gnu \
      "$packages/root/usr/bin/dropbearkey" -t ed25519 -f "$host_key" >/dev/null
  )
fi
cp "$host_key" "$target/etc/dropbear/dropbear_ed25519_host_key"
cp "$(dirname "$0")/image.json" "$target/"
