#!/bin/bash
# Does in a virtual machine without systemd what systemd does for StartTransientUnit: a scope with the
# processes asked for, delegated to the caller. Only for words that the real one would understand.
set -eu
[ "$1" = --system ] && [ "$2" = call ] && [ "$6" = StartTransientUnit ] && [ "$7" = 'ssa(sv)a(sa(sv))' ]
name=$8
properties=${10}
shift 10
delegate=
pids=()
while [ "$properties" -gt 0 ]; do
  case $1 in
    PIDs)
      count=$3
      shift 3
      pids=("${@:1:count}")
      shift "$count"
      ;;
    Delegate)
      delegate=$3
      shift 3
      ;;
    *) shift 3 ;;
  esac
  properties=$((properties - 1))
done
[ "$#" = 1 ] && [ "$1" = 0 ] && [ "$delegate" = true ]
mkdir -p "/sys/fs/cgroup/$name"
# As there, the answer comes before the deed.
(
  sleep 0.2
  for pid in "${pids[@]}"; do echo "$pid" >"/sys/fs/cgroup/$name/cgroup.procs"; done
) >/dev/null 2>&1 </dev/null &
echo 'o "/org/freedesktop/systemd1/job/1"'
