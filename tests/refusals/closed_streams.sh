#!/usr/bin/env bash
# Whoever starts Mayfly with a standard stream closed gets /dev/null for it: no descriptor of Mayfly's own
# may come to stand there, where the program in the sandbox would read or write it.
set -euo pipefail
workspace=$(mktemp -d)
trap 'rm -rf "$workspace"' EXIT

read_from_closed=$(timeout 60 "$MAYFLY" run --workspace "$workspace" -- wc -c <&-)
[ "$read_from_closed" = 0 ] || { echo "a closed stdin gave bytes: $read_from_closed"; exit 1; }

timeout 60 "$MAYFLY" run --workspace "$workspace" -- sh -c 'echo lost; echo ran > ran' >&- ||
  { echo "a closed stdout ended the call with $?"; exit 1; }
[ "$(cat "$workspace/ran")" = ran ]
