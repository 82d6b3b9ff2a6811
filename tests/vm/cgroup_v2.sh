#!/usr/bin/env bash
# cgroup_v2.sh CGROUP_TESTS MAYFLY: what control groups of version 2 do, tried in a virtual machine (boot.sh):
# as root at the root of all groups, and as an ordinary user in a subtree that was delegated to it.
set -uo pipefail
tests=$1
mayfly=$2
. "$(dirname "$0")/guest.sh"

# in_group GROUP COMMAND...: the command is alone in the group.
in_group() {
  local group=$top/$1
  shift
  # shellcheck disable=SC2016  # for the inner shell
  timeout -s KILL 90 bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}
as_user_in() {
  local group=$1
  shift
  in_group "$group" env HOME=/home/mayfly-vm/home XDG_RUNTIME_DIR=/home/mayfly-vm/none \
    setpriv --reuid $user --regid $user --clear-groups "$@"
}

delegate() {
  mkdir "$top/$1"
  chown $user:$user "$top/$1" "$top/$1"/cgroup.{procs,threads,subtree_control}
}

mkdir -p /home/mayfly-vm/home /home/mayfly-vm/ws
chown $user:$user /home/mayfly-vm/home /home/mayfly-vm/ws
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

kill $other

# --- mayfly itself

run() { "$mayfly" run --workspace /home/mayfly-vm/ws --json -q "$@"; }
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
fork_bomb() {
  local json
  json=$("$@" --pids 8 --timeout-ms 60000 -- /usr/bin/python3 -c '
import os
while True:
    try:
        os.fork()
    except OSError:
        pass') || true
  expect "$json" .ended_by pids
}
cpu_limit() {
  local json
  json=$("$@" --cpu-ms 500 --cpu-percent 50 -- /bin/sh -c 'while :; do :; done') || true
  expect "$json" .ended_by cpu && expect "$json" "$(limit cpu_ms)" "cgroup v2" &&
    expect "$json" "$(limit cpu_percent)" "cgroup v2"
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
run_as_user() { as_user_in delegated "$mayfly" run --workspace /home/mayfly-vm/ws --json -q "$@"; }

cd /home/mayfly-vm/ws || exit 1
first=$(run -- /bin/true)
check "mayfly runs" expect "$first" .ended_by exit
for who in run run_as_user; do
  check "$who: too much memory ends the call" memory_limit $who
  check "$who: forks beyond the limit are refused and reported" process_limit $who
  check "$who: a program that does nothing but fork is ended" fork_bomb $who
  check "$who: CPU time ends the call" cpu_limit $who
  check "$who: figures" figures $who
  check "$who: mayfly is killed, nothing is left" killed_mayfly $who
done
check "strict runs where the kernel enforces" expect "$(run --profile strict -- /bin/true)" .ended_by exit
check "nothing is left" nothing_left

finish
