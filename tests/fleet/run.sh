#!/usr/bin/env bash
# The scripts that instances of a fleet run in their engine, against a real redis-server, without the daemon.
# tests/fleet/run.sh test_budget: one module.  ROKTCACHED_ENGINE=valkey-server: another engine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
install_packages redis-server python3
cd tests/fleet
if [ $# -gt 0 ]; then exec python3 -m unittest -v "$@"; fi
exec python3 -m unittest discover -v -p 'test_*.py'
