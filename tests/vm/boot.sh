#!/usr/bin/env bash
# boot.sh SCRATCH SCRIPT [ARG...]: runs SCRIPT as root in a throw-away virtual machine with Debian's own
# kernel, whose control groups are v2, and ends with its exit code. The machine sees this host's files
# read-only, under a layer in memory that takes what it writes; SCRATCH keeps the kernel for the next time.
# No KVM is needed. Everything in there takes some 20 to 60 times as long: keep it short.
#
# MAYFLY_VM_KERNEL: another kernel package. MAYFLY_VM_CACHE: where kernels are kept, else SCRATCH/kernels.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/../skip.sh"

scratch=$1
shift
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd -P)
cache=${MAYFLY_VM_CACHE:-$scratch/kernels}

for program in qemu-system-x86_64 busybox cpio xz dpkg-deb apt-get; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || skip "$program (install-deps.sh vm)"
done
[ "$(uname -m)" = x86_64 ] || skip "an x86_64 host: its programs are what runs in there"
[ "$(id -u)" -eq 0 ] || skip "root, to share files of every owner with the virtual machine"

newest_kernel() {
  apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }'
}

# fetch PACKAGE DIRECTORY: the kernel and the few modules that might be needed.
fetch() {
  local package=$1 directory=$2 work
  work=$(mktemp -d "$cache/fetch-XXXXXX")
  if ! (cd "$work" && apt-get -qq download "$package" >download.log 2>&1); then
    cat "$work/download.log"
    rm -rf "$work"
    return 1
  fi
  mkdir "$work/tree"
  # 9p needs netfs and fscache, on some kernels.
  dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work/tree" --wildcards \
    '*/boot/vmlinuz-*' '*/modules.order' '*/modules.builtin*' '*/kernel/drivers/virtio/*' \
    '*/kernel/net/9p/*' '*/kernel/fs/*'
  mv "$work/tree" "$directory"
  rm -rf "$work"
}

# pack KERNEL-DIRECTORY: an initramfs of busybox, ./init and the modules for what ./init mounts.
pack() {
  local directory=$1 tree modules version folder
  tree=$(mktemp -d "$cache/initramfs-XXXXXX")
  modules=$(find "$directory" -path '*/modules/*' -name modules.order -printf '%h\n')
  version=${modules##*/}
  mkdir -p "$tree"/{bin,proc,sys,dev,copied} "$tree/lib/modules/$version"
  for folder in drivers/virtio net/9p fs/9p fs/overlayfs fs/netfs fs/fscache; do
    [ ! -d "$modules/kernel/$folder" ] || cp -r "$modules/kernel/$folder" "$tree/copied/"
  done
  find "$tree/copied" -type f -name '*.ko*' -exec mv -t "$tree/lib/modules/$version" {} +
  rm -r "$tree/copied"
  find "$tree/lib" -name '*.xz' -exec xz -d {} +
  cp "$modules"/modules.{order,builtin} "$tree/lib/modules/$version/"
  busybox depmod -b "$tree" "$version"
  cp "$(command -v busybox)" "$here/init" "$tree/"
  mv "$tree/busybox" "$tree/bin/"
  (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1)
  rm -rf "$tree"
}

kernel=${MAYFLY_VM_KERNEL:-$(newest_kernel)}
[ -n "$kernel" ] || skip "a kernel package (apt-cache knows no linux-image-amd64)"
mkdir -p "$cache"
if [ ! -d "$cache/$kernel" ]; then
  fetch "$kernel" "$cache/$kernel" || skip "the package $kernel (apt-get download)"
fi

run=$(mktemp -d "$scratch/run-XXXXXX")
trap 'rm -rf "$run"' EXIT
pack "$cache/$kernel" >"$run/initramfs"
mkdir "$run/shared"
printf '%q ' "$@" >"$run/shared/command"

share() {
  printf '%s\n' -fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap${3:-}" \
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1"
}
mapfile -t shares < <(share host / ,readonly=on; share shared "$run/shared")
# One processor: with two, some kernels crash now and then without KVM.
mkfifo "$run/console"
sed -u 's|\r||' <"$run/console" &
qemu-system-x86_64 \
  -machine pc -accel tcg -cpu qemu64 -smp 1 -m 1024 -nodefaults -nographic -serial stdio -no-reboot \
  -kernel "$cache/$kernel"/boot/vmlinuz-* -initrd "$run/initramfs" \
  -append "console=ttyS0 panic=-1 quiet mitigations=off" "${shares[@]}" \
  </dev/null >"$run/console" 2>&1 &
machine=$!
trap 'kill -KILL $machine 2>/dev/null || true; rm -rf "$run"' EXIT
trap 'exit 1' TERM INT
wait $machine || true

if [ ! -s "$run/shared/status" ]; then
  echo "boot.sh: the virtual machine ended without an answer"
  exit 1
fi
exit "$(cat "$run/shared/status")"
