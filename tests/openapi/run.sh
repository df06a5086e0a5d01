#!/usr/bin/env bash
# The OpenAPI document of the daemon: public validators, and two clients made from it. ROKTCACHED_BINARY=FILE: another build than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
command -v npm >/dev/null || install_packages nodejs npm

sources=tests/openapi
export OPENAPI_TOOLS=$PWD/build/openapi
mkdir -p "$OPENAPI_TOOLS"
if ! cmp -s "$sources/package-lock.json" "$OPENAPI_TOOLS/installed.json"; then
  cp "$sources/package.json" "$sources/package-lock.json" "$OPENAPI_TOOLS"
  npm ci --silent --no-audit --no-fund --prefix "$OPENAPI_TOOLS"
  cp "$sources/package-lock.json" "$OPENAPI_TOOLS/installed.json"
fi
exec python3 tests/openapi/test_openapi.py "$@"
