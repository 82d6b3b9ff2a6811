#!/usr/bin/env bash
# run.sh [NODE OPTION...] FILE...: runs test files with the Node that npm installed here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../skip.sh"

node=$here/node_modules/.bin/node
[ -x "$node" ] || skip "the npm packages of tests/e2e (npm ci)"
PATH=$here/node_modules/.bin:$PATH exec "$node" --test "$@"
