#!/usr/bin/env bash
# install-deps.sh GROUP...: the Debian packages of the groups build, demo, test, vm and format. Asks
# for root only when something is missing.
set -euo pipefail

packages_of() {
  case $1 in
    build) echo g++ make cmake ninja-build pkg-config nlohmann-json3-dev libseccomp-dev libcli11-dev \
      libmd-dev libre2-dev libexpected-dev libtomlplusplus-dev libvalijson-dev catch2 python3 ripgrep ;;
    demo) echo python3 ;;
    test) echo ca-certificates curl python3 python3-venv python3-pytest git gcc gdb strace jq \
      util-linux procps sqlite3 openssh-client tmux patch ;;
    vm) echo qemu-system-x86 busybox-static cpio xz-utils jq systemd dbus-user-session ;;
    format) echo clang-format clang-tidy ;;
    *)
      echo "install-deps.sh: no group named '$1'; there are build, demo, test, vm and format" >&2
      exit 2
      ;;
  esac
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for group in "$@"; do
  for package in $(packages_of "$group"); do
    is_installed "$package" || missing+=("$package")
  done
  # Node may come from elsewhere than Debian (its packages then conflict), so look for the programs.
  if [ "$group" = test ]; then
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
  fi
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
  echo "install-deps.sh: this is not a Debian machine; install these yourself: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-deps.sh: run this as root, or install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
