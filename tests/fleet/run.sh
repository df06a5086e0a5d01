#!/usr/bin/env bash
# What the instances of a fleet do with their engine, against a real redis-server: the scripts alone, without the daemon, and three
# daemons with an engine that fails and one that lies. The modules run side by side, each with ports of its own.
# tests/fleet/run.sh test_budget: one module.  ROKTCACHED_ENGINE=valkey-server: another engine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
install_packages redis-server python3 openssl
cd tests/fleet
if [ $# -gt 0 ]; then exec python3 -m unittest -v "$@"; fi
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
port=${ROKTCACHED_TEST_PORTS:-43000}
declare -A running
for file in test_*.py; do
  module=${file%.py}
  ROKTCACHED_TEST_PORTS=$port python3 -m unittest -v "$module" >"$said/$module" 2>&1 &
  running[$module]=$!
  port=$((port + 300))
done
failed=()
for module in "${!running[@]}"; do
  wait "${running[$module]}" || failed+=("$module")
  printf -- '-- %s\n%s\n' "$module" "$(cat "$said/$module")"
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[*]}"
  exit 1
fi
