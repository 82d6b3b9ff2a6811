#!/usr/bin/env bash
# bench.sh [ROUNDS]: what one sandboxed /usr/bin/true costs beside an ordinary one, as medians.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 tests/bench/one_call.py build/mayfly "${1:-200}"
