#!/bin/bash
# Installs the Debian packages that a make target needs beyond Node.js and npm. Usage: scripts/packages.sh TARGET
# Asks first, unless root in CI (CI=true); without a terminal it only says what is missing, and ends with 1.
set -euo pipefail

# package            targets                     why
readonly PACKAGES='
g++                  build run boot test bench   compiles the addon and the C++ example; its libraries travel in the file
gcc                  build run boot test bench   compiles the loader and the initramfs
make                 build run boot test bench   builds liblzma, which lzma-native holds as source
bzip2                build run boot test bench   unpacks that source
libc6-dev            build run boot test bench   the C headers, and libc.a for the static parts
iproute2             run test bench              the veth pair between the node and this machine
qemu-system-x86      boot test bench             the virtual VPS
e2fsprogs            boot test bench             makes and checks its disk without root
kmod                 boot test bench             depmod: which kernel module needs which
busybox-static       test                        udhcpd, a real DHCP server to get a lease from
xz-utils             test bench                  a real peer that packs and unpacks images
zstd                 test bench                  another
libcap2-bin          test                        setcap and getcap: file capabilities in an image
fdisk                test bench                  sfdisk: the partitions of a Debian to install over
openssh-client       test bench                  the ssh of a person, to a node and to an old system
python3              test                        runs pygrub, the boot loader of Xen
ovmf                 soak                        the UEFI of a machine
dosfstools           test soak                   makes the file system that UEFI boots from
xfsprogs             test soak                   a file system of another kind
clang-14             soak                        libFuzzer and the sanitizers, for the native parts
libclang-rt-14-dev   soak                        their runtime
debootstrap          test bench                  the Debian to install over, and to compare with
podman               bench                       the peer that runs a pushed image
crun                 bench                       its runtime
'

readonly target=${1:?usage: scripts/packages.sh TARGET}

missing=()
reasons=''
while read -r name rest; do
  [ -n "$name" ] || continue
  words=${rest%%   *} # The targets end at the first wide gap.
  [[ " $words " == *" $target "* ]] || continue
  status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
  [ "$status" = installed ] && continue
  missing+=("$name")
  reasons+="  $(printf '%-18s' "$name") ${rest##*   }"$'\n'
done <<<"$PACKAGES"
[ ${#missing[@]} -eq 0 ] && exit 0

printf "'make %s' needs these Debian packages:\n%s" "$target" "$reasons"
install=(apt-get install --yes --quiet=2 -o Dpkg::Use-Pty=0 --no-install-recommends "${missing[@]}")
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi
if [ "$(id -u)" -ne 0 ] || [ "${CI:-}" != true ]; then
  if ! [ -t 0 ] || { [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; }; then
    printf 'Install them as root and try again:\n  %s\n' "${install[*]}"
    exit 1
  fi
  read -r -p "Install them now (${as_root[*]} ${install[*]})? [Y/n] " answer
  case "$answer" in '' | y | Y | yes) ;; *) exit 1 ;; esac
fi

export DEBIAN_FRONTEND=noninteractive
# A fresh machine has no package lists yet, an old one has lists of files that are gone.
"${as_root[@]}" apt-get update --quiet=2
"${as_root[@]}" "${install[@]}"
