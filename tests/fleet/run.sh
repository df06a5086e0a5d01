#!/usr/bin/env bash
# What the instances of a fleet do with their engine: the scripts alone, without the daemon, and daemons with an engine that fails and
# one that lies. The engine is a real redis-server; a part runs on Valkey too. The modules run side by side, each with ports of its own.
# tests/fleet/run.sh test_budget: one module.  ROKTCACHED_ENGINE=valkey-server: another engine.
# tests/fleet/run.sh --valkey [TEST...]: on Valkey in WebAssembly, all that runs there or these.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
packages=(redis-server python3 openssl gcc libc6-dev)
command -v npm >/dev/null || packages+=(nodejs npm)
install_packages "${packages[@]}"

valkey=$PWD/build/valkey
install_valkey() {
  local sources=tests/fleet/valkey
  mkdir -p "$valkey"
  cp "$sources"/* "$valkey"
  if ! cmp -s "$sources/package-lock.json" "$valkey/installed.json"; then
    npm ci --silent --no-audit --no-fund --prefix "$valkey"
    cp "$sources/package-lock.json" "$valkey/installed.json"
  fi
}
# Of the daemons only what depends on how an engine answers: the rest runs with --valkey.
scripts=(test_budget test_flight test_members test_token test_acl)
short_on_valkey=("${scripts[@]}"
  test_failures.Failures.test_killed_and_restarted_empty test_failures.Failures.test_emptied_flushed_and_slow
  test_failures.Failures.test_partitioned_during_a_purge test_failures.Failures.test_full
  test_failures.Secrets.test_a_user_of_the_engine_with_a_password)

if [ "${1:-}" = --valkey ]; then
  shift
  install_valkey
  [ $# -gt 0 ] || set -- "${scripts[@]}" test_failures
  cd tests/fleet
  ROKTCACHED_ENGINE=$valkey/valkey-server.mjs exec python3 -m unittest -v "$@"
fi
if [ $# -gt 0 ]; then
  cd tests/fleet
  exec python3 -m unittest -v "$@"
fi

install_valkey
cd tests/fleet
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
port=${ROKTCACHED_TEST_PORTS:-21000}  # with 300 a module below those that the system gives to outgoing connections
most_at_once=10
declare -A running
failed=()
start() {  # start NAME TEST...
  ROKTCACHED_TEST_PORTS=$port python3 -m unittest -v "${@:2}" >"$said/$1" 2>&1 &
  running[$!]=$1
  port=$((port + 300))
}
await_one() {
  local ended name code=0
  wait -n -p ended || code=$?
  name=${running[$ended]}
  unset "running[$ended]"
  [ $code -eq 0 ] || failed+=("$name")
  printf -- '-- %s\n%s\n' "$name" "$(cat "$said/$name")"
}
# Those that take longest begin.
modules=(test_failures test_hostile_log test_hostile_engine test_hostile_octets test_clock)
for file in test_*.py; do
  [[ " ${modules[*]} " = *" ${file%.py} "* ]] || modules+=("${file%.py}")
done
ROKTCACHED_ENGINE=$valkey/valkey-server.mjs start "on Valkey" "${short_on_valkey[@]}"
for module in "${modules[@]}"; do
  [ ${#running[@]} -lt $most_at_once ] || await_one
  start "$module" "$module"
done
while [ ${#running[@]} -gt 0 ]; do await_one; done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[*]}"
  exit 1
fi
