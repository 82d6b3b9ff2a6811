#!/usr/bin/env bash
# client.sh path/to/mayfly: an MCP client in plain bash. Each message is one line of JSON on the
# server's stdin, each answer one line on its stdout. This one greets the server as clients up to the
# revision 2025-11-25 do; ../python shows the newer form, which has no greeting.
set -euo pipefail

mayfly=${1:?usage: client.sh path/to/mayfly}
workspace=$(mktemp -d)
trap 'rm -rf "$workspace"' EXIT

coproc SERVER { "$mayfly" serve --workspace "$workspace"; }
server=$SERVER_PID
exec {to}>&"${SERVER[1]}" {from}<&"${SERVER[0]}"
eval "exec ${SERVER[1]}>&- ${SERVER[0]}<&-"  # keep one copy of each pipe, so that closing it counts

# ask ID METHOD PARAMS: sends a request and prints its answer, skipping notifications.
ask() {
  printf '{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}\n' "$@" >&"$to"
  local line
  while IFS= read -r -t 60 line <&"$from"; do
    case $line in *"\"id\":$1,"* | *"\"id\":$1}"*) printf '%s\n' "$line" && return ;; esac
  done
  echo "no answer to $2" >&2
  return 1
}

# run ID COMMAND: runs a command in a sandbox and prints the whole answer. The command must not need
# escaping in JSON.
run() {
  echo "\$ $2"
  ask "$1" tools/call '{"name":"run_command","arguments":{"command":"'"$2"'"}}'
}

echo "--- initialize"
ask 1 initialize '{"protocolVersion":"2025-11-25","capabilities":{},'\
'"clientInfo":{"name":"mayfly-shell-example","version":"1.0.0"}}'
echo
printf '{"jsonrpc":"2.0","method":"notifications/initialized"}\n' >&"$to"

echo "--- tools/list"
ask 2 tools/list '{}' | grep -o '"name":"[a-z_]*"'

echo "--- tools/call"
run 3 'echo hello from $(uname -s)'
run 4 'cat /etc/shadow'
run 5 'exit 3'

exec {to}>&-  # end of input: the server ends
wait "$server"
echo "--- the server ended with code $?"
