# To be sourced by what runs in the virtual machine.
# shellcheck shell=bash
top=/sys/fs/cgroup
# shellcheck disable=SC2034  # for those who source this
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

# expect JSON FILTER EXPECTED
expect() {
  local json=$1 filter=$2 expected=$3 found
  found=$(jq -r "$filter" <<<"$json" 2>&1)
  [ "$found" = "$expected" ] && return 0
  echo "$filter is $found, not $expected, in: $json"
  return 1
}
limit() { echo ".limits[] | select(.name == \"$1\") | .enforced_by"; }

finish() {
  say "$failures failed"
  [ $failures -eq 0 ]
}
