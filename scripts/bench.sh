#!/usr/bin/env bash
# bench.sh [ROUNDS]: what one sandboxed /usr/bin/true costs beside an ordinary one, as medians, and what a
# small call costs while others run wild.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/bench/one_call.py build/mayfly "${1:-200}"
python3 tests/bench/noisy_neighbours.py build/mayfly 100
