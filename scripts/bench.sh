#!/usr/bin/env bash
# bench.sh [ROUNDS]: what one sandboxed /usr/bin/true costs beside an ordinary one, as medians, what a
# small call costs while others run wild, what it costs that denials are seen, and what it costs to load and
# resolve the shipped profiles.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/bench/one_call.py build/mayfly "${1:-200}"
python3 tests/bench/noisy_neighbours.py build/mayfly 100
python3 tests/bench/observing.py build/mayfly 15
scripts/build.sh release bench_profiles
build/tests/bench/bench_profiles "${1:-200}"
