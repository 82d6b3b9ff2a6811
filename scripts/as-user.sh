#!/usr/bin/env bash
# as-user.sh COMMAND [ARG...]: runs the command as an ordinary user with a home of its own.
# As root that is uid 21000, which has no entry in /etc/passwd and owns nothing but a temporary
# directory ($HOME; $TMPDIR is inside), removed at the end. As anyone else, the command just runs.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then exec "$@"; fi

user=21000
repository=$(cd "$(dirname "$0")/.." && pwd -P)

if [ "${MAYFLY_AS_USER_STAGE:-}" != inside ]; then
  # A checkout below /root is out of an ordinary user's reach. A mount namespace of our own can
  # show it at the same path without changing a mode on the disk.
  export MAYFLY_AS_USER_STAGE=inside
  exec unshare --mount -- "$0" "$@"
fi
unset MAYFLY_AS_USER_STAGE

home=$(mktemp -d /tmp/mayfly-user-XXXXXXXX)
trap 'cd /; umount "$home/.repository" 2>/dev/null || true; rm -rf --one-file-system "$home"' EXIT
chown "$user:$user" "$home"
chmod 755 "$home"

closed=""
path=$repository
while [ "$path" != / ]; do
  [ $((0$(stat -c %a "$path") & 1)) -ne 0 ] || closed=$path
  path=$(dirname "$path")
done
if [ -n "$closed" ]; then
  here=$PWD
  aside=$home/.repository
  mkdir "$aside"
  mount --bind "$repository" "$aside"
  mount -t tmpfs -o mode=755 tmpfs "$closed"
  mkdir -p "$repository"
  # Entry by entry, since the repository's own directory may be the closed one.
  for entry in "$aside"/* "$aside"/.[!.]*; do
    name=${entry##*/}
    if [ -L "$entry" ]; then
      cp -P "$entry" "$repository/$name"
    elif [ -d "$entry" ]; then
      mkdir "$repository/$name"
      mount --bind "$entry" "$repository/$name"
    elif [ -e "$entry" ]; then
      touch "$repository/$name"
      mount --bind "$entry" "$repository/$name"
    fi
  done
  umount "$aside"
  rmdir "$aside"
  cd "$here"
fi

mkdir "$home/tmp"
chown "$user:$user" "$home/tmp"
status=0
env HOME="$home" TMPDIR="$home/tmp" USER=mayfly-test LOGNAME=mayfly-test XDG_CACHE_HOME= XDG_STATE_HOME= XDG_CONFIG_HOME= \
  setpriv --reuid "$user" --regid "$user" --clear-groups "$@" || status=$?
exit "$status"
