#!/usr/bin/env bash
# systemd_scope.sh CGROUP_TESTS MAYFLY: a server that was started beside other processes, as from a login or
# an editor, gets a scope with delegation from systemd: root from the machine's, a user from its own.
set -uo pipefail
. "$(dirname "$0")/guest.sh"
tests=$1
mayfly=$2

# With the environment of a client that passes little on.
as_user() {
  timeout -s KILL 90 setpriv --reuid $user --regid $user --clear-groups \
    env -i HOME=/home/mayfly-vm/home PATH="$PATH" "$@"
}
in_scope() {
  local json
  json=$("$@") || return 1
  expect "$json" .ended_by exit && expect "$json" "$(limit memory_bytes)" "cgroup v2"
}
scopes_gone() {
  for _ in $(seq 100); do
    find $top -name 'mayfly-*' | grep -q . || return 0
    sleep 0.1
  done
  find $top -name 'mayfly-*'
  return 1
}

mkdir -p /home/mayfly-vm/home /home/mayfly-vm/ws
chown $user:$user /home/mayfly-vm/home /home/mayfly-vm/ws
sleep 1000 &
other=$!

check "a server of root gets a scope" timeout -s KILL 90 "$tests" '[scope]'
check "the scope is gone" scopes_gone
check "without its manager, a user is told" as_user "$tests" 'a host without*'
check "a user has a manager" systemctl start user-manager.service
check "a server of the user gets a scope" as_user "$tests" '[scope]'
check "the scope is gone" scopes_gone

cd /home/mayfly-vm/ws || exit 1
run=("$mayfly" run --workspace /home/mayfly-vm/ws --json -q -- /bin/true)
first=$("${run[@]}")
check "mayfly runs" expect "$first" .ended_by exit
check "mayfly of root is in a scope" in_scope "${run[@]}"
check "mayfly of the user is in a scope" in_scope as_user "${run[@]}"
check "the scopes are gone" scopes_gone
kill $other
finish
