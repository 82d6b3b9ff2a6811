#!/usr/bin/env bash
# demo.sh: a tour of build/mayfly by a client of 150 lines, for a person to read.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 examples/clients/python/demo.py build/mayfly
