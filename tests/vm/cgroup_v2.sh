#!/usr/bin/env bash
# cgroup_v2.sh CGROUP_TESTS MAYFLY: what control groups of version 2 do, tried in a virtual machine (boot.sh):
# as root at the root of all groups, as an ordinary user in a subtree that was delegated to it, and with
# something that answers as systemd does.
set -uo pipefail
tests=$1
mayfly=$2
here=$(dirname "$0")
top=/sys/fs/cgroup
user=21000
failures=0

say() { printf '%6.1f s  %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }

# check WHAT COMMAND...: the command has to succeed; its output is shown if it does not.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    say "ok: $what"
  else
    say "FAILED ($?): $what"
    printf '%s\n' "$output" | tail -n 40
    failures=$((failures + 1))
  fi
}

# in_group GROUP COMMAND...: the command is alone in the group.
in_group() {
  # shellcheck disable=SC2016: for the inner shell
  timeout -s KILL 90 bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$top/$@"
}
as_user_in() {
  local group=$1
  shift
  in_group "$group" env HOME=/run/work/home XDG_RUNTIME_DIR=/run/work/none \
    setpriv --reuid $user --regid $user --clear-groups "$@"
}

groups_left() { find "$top" -mindepth 1 -type d -name 'mayfly-*' ! -name '*.scope'; }
nothing_left() {
  local left
  for _ in $(seq 100); do
    left=$(groups_left)
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  echo "still there: $left"
  return 1
}

delegate() {
  mkdir "$top/$1"
  chown $user:$user "$top/$1" "$top/$1"/cgroup.{procs,threads,subtree_control}
}

# field JSON FILTER EXPECTED
expect() {
  local json=$1 filter=$2 expected=$3 found
  found=$(jq -r "$filter" <<<"$json")
  [ "$found" = "$expected" ] && return 0
  echo "$filter is $found, not $expected, in: $json"
  return 1
}
limit() { echo ".limits[] | select(.name == \"$1\") | .enforced_by"; }

mkdir -p /run/work/home /run/work/ws
chown $user:$user /run/work/home /run/work/ws
# What root wants of the groups below it, as systemd would have set it up.
for controller in memory pids cpu io; do echo "+$controller" >$top/cgroup.subtree_control; done

# --- the code that deals with groups

check "root at the root of all groups" timeout -s KILL 90 "$tests" '[live],[v2]' -d yes
check "nothing is left" nothing_left

delegate delegated
check "an ordinary user in a delegated group" as_user_in delegated "$tests" '[live]~[servers]' -d yes
check "nothing is left, and the group is as it was" test -z "$(cat $top/delegated/cgroup.subtree_control)"
check "nothing is left" nothing_left

# A server is killed: its keeper removes the groups.
killed_server() {
  local line
  coproc server { as_user_in delegated "$tests" 'a server for others to kill'; }
  while read -r line <&"${server[0]}" && [ "$line" != ready ]; do :; done
  [ "$line" = ready ] || { echo "no server, but: $line"; return 1; }
  [ -n "$(groups_left)" ] || { echo "there was no group"; return 1; }
  pkill -KILL -o -f '^[^ ]*cgroup_tests a server for others' || { echo "nothing to kill"; return 1; }
  nothing_left
}
check "a user's server is killed, nothing is left" killed_server

# Something else is in our group, and systemd is not there.
mkdir $top/session
sleep 1000 &
other=$!
echo $other >$top/session/cgroup.procs
check "beside others there are no groups, and it says why" in_group session "$tests" \
  'a host without*'

# systemd gives a scope, with the call that it takes.
mkdir -p /run/systemd/system
cp "$here/fake_busctl.sh" /usr/bin/busctl
check "systemd gives a scope" in_group session "$tests" '[scope]' -d yes
check "nothing is left" nothing_left
rm -r /run/systemd/system
kill $other

# --- mayfly itself

run() { "$mayfly" run --workspace /run/work/ws --json -q "$@"; }
memory_limit() {
  local json
  json=$("$@" --memory 64M -- /bin/sh -c 'head -c 300M /dev/zero | tail') || true
  expect "$json" .ended_by memory && expect "$json" "$(limit memory_bytes)" "cgroup v2"
}
process_limit() {
  local json
  json=$("$@" --pids 8 -- /bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait') || true
  expect "$json" "$(limit processes)" "cgroup v2" &&
    expect "$json" '.violations[] | select(.kind == "resource") | .operation' fork
}
figures() {
  local json
  json=$("$@" -- /bin/sh -c 'head -c 20M /dev/zero | tail >/dev/null')
  expect "$json" .ended_by exit && expect "$json" '.usage.peak_processes != null' true
}
killed_mayfly() {
  "$@" -- /bin/sh -c 'sleep 1000 & sleep 1000' >/dev/null &
  local job=$!
  for _ in $(seq 300); do
    groups_left | grep -q . && find $top -path '*/mayfly-*/call-*' | grep -q . && break
    sleep 0.1
  done
  pkill -KILL -x mayfly
  wait $job 2>/dev/null
  nothing_left && ! pgrep -x sleep
}
run_as_user() { as_user_in delegated "$mayfly" run --workspace /run/work/ws --json -q "$@"; }

cd /run/work/ws
first=$(run -- /bin/true)
if [ -z "$(jq -r "$(limit memory_bytes)" <<<"$first" 2>/dev/null)" ] ||
  [ "$(jq -r "$(limit memory_bytes)" <<<"$first")" = null ]; then
  say "not yet: this mayfly's receipt says nothing of what enforces a limit"
else
  for who in run run_as_user; do
    check "$who: too much memory ends the call" memory_limit $who
    check "$who: forks beyond the limit are refused and reported" process_limit $who
    check "$who: figures" figures $who
    check "$who: mayfly is killed, nothing is left" killed_mayfly $who
  done
fi
check "nothing is left" nothing_left

say "$failures failed"
[ $failures -eq 0 ]
