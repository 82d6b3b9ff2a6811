#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configure once, then build. Ninja if it is there, else make.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
case $preset in
  release) tree=build ;;
  *) tree=build/$preset ;;
esac

if [ ! -e "$tree/CMakeCache.txt" ]; then
  generator="Unix Makefiles"
  if command -v ninja >/dev/null; then generator=Ninja; fi
  cmake --preset "$preset" -G "$generator"
fi
cmake --build "$tree" --parallel "${JOBS:-$(nproc)}" ${1:+--target "$@"}
