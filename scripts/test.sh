#!/usr/bin/env bash
# test.sh: builds and runs everything; goes on after a failure, and ends with what was skipped, what
# failed and one line of counts. MAYFLY_TESTS_MUST_RUN=1 turns every skip into a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
umask 022  # the tests as an ordinary user must be able to read what is built here

export JOBS=${JOBS:-$(nproc)}
reports=$PWD/build/reports
began=$SECONDS
trees_mb=2200     # build/ with both trees takes 1700
temporary_mb=500  # beside it, in $TMPDIR
failures=()

section() { printf '\n=== %s (%d s)\n' "$1" $((SECONDS - began)); }

# must WHAT COMMAND...: runs a step of which all the rest has need.
must() {
  local what=$1
  shift
  if ! "$@"; then
    echo "test.sh: $what failed"
    failures+=("$what")
    return 1
  fi
}

# run_ctest NAME TREE LABELS [OPTION...]
run_ctest() {
  local name=$1 tree=$2 labels=$3
  shift 3
  ctest --test-dir "$tree" -L "$labels" --output-on-failure --no-tests=error -j "$JOBS" \
    --output-junit "$reports/$name.xml" "$@"
}

# run_e2e NAME REPORTER FILES [WRAPPER...]
run_e2e() {
  local name=$1 reporter=$2 files=$3
  shift 3
  : >"$reports/$name.xml"
  chmod 666 "$reports/$name.xml"
  # shellcheck disable=SC2086: the files are meant to be split
  "$@" tests/e2e/run.sh --test-concurrency=1 \
    --test-reporter="$reporter" --test-reporter-destination=stdout \
    --test-reporter=junit --test-reporter-destination="$reports/$name.xml" $files
}

# need_room FOLDER MEGABYTES WHAT REMEDY: ends the run if FOLDER's file system has less than that free.
need_room() {
  local folder=$1 need=$2 what=$3 remedy=$4 free
  free=$(df -Pm -- "$folder" | awk 'NR == 2 { print $4 }')
  if [ "${free:-0}" -ge "$need" ]; then return 0; fi
  echo "test.sh: $folder has ${free:-0} MB free, and $what needs $need MB." \
    "Make room there (\"make clean\" removes old builds), or $remedy" >&2
  python3 scripts/summary.py "$reports" "room on disk in $folder"
  exit 1
}

rm -rf "$reports"
mkdir -p "$reports"
# What an earlier run built is there already, and is written over.
built=$(du -sm build | cut -f 1)
need_room "$PWD" $((trees_mb > built ? trees_mb - built : 0)) "the build" "use a clone elsewhere."
need_room "${TMPDIR:-/tmp}" "$temporary_mb" "what the tests write" "set TMPDIR to another folder."
user_variants=()
if [ "$(id -u)" -ne 0 ]; then user_variants=(-LE as_user); fi  # they are what runs anyway

section "build"
if must "the build" scripts/build.sh release; then
  section "unit tests, layers, conversations and documents"
  run_ctest unit build 'unit|layers|protocol' "${user_variants[@]}"

  section "sandboxes, attacks and posture"
  must "npm ci" npm ci --prefix tests/everyday/web --no-audit --no-fund --loglevel=error
  run_ctest sandbox build sandbox "${user_variants[@]}"

  section "end to end, with real clients"
  if must "npm ci" npm ci --prefix tests/e2e --no-audit --no-fund --loglevel=error; then
    run_e2e e2e spec "$(echo tests/e2e/*.test.mjs)"
    if [ "$(id -u)" -eq 0 ]; then
      section "end to end, as an ordinary user"
      run_e2e e2e_as_user dot "$(echo tests/e2e/{sdk_v1,sdk_v2,stdio,examples,work}.test.mjs)" scripts/as-user.sh
    fi
  fi
fi

section "address and undefined-behaviour sanitizers"
if must "the build with sanitizers" scripts/build.sh asan; then
  # Each fork of an init with sanitizers costs some 20 ms: what forks by the thousand, or makes files
  # by the hundred thousand, ran above. And a server that ends while a process of a call does not die
  # lets go of memory on purpose. A crash belongs to the runtime there, not to the filter of a task, and
  # the runtime keeps for a while what was freed: bounds of memory are the release's affair. What starts
  # the program by the hundred for the sake of its words ran above, too.
  run_ctest asan build/asan 'unit|sandbox' -LE as_user \
    -E 'victim: (bombs|paths_out|hoards|unseen_memory|unix_sockets|memory|neighbours|host_code|plain_git)|thousand_calls|killed_early|lingering|faults|everyday|file tools: (many|huge|growing|long_line|swapped)|tasks: ends|jobs: large_output|audit: bad_input|hostile million|requests: fuzz|options|docs\.'
  # Of what runs as an ordinary user too, only that is repeated of which an ordinary user's server has
  # code of its own: making namespaces, and the watch in place of control groups.
  if [ "$(id -u)" -eq 0 ]; then
    run_ctest asan_as_user build/asan as_user -R '^(posture|limits|cgroup_tests|sandbox_tests)'
  fi
  MAYFLY=build/asan/mayfly run_e2e e2e_asan dot "$(echo tests/e2e/{sdk_v2,stdio}.test.mjs)"
fi

section "summary"
python3 scripts/summary.py "$reports" "${failures[@]}"
