#!/usr/bin/env bash
# The dashboard in a real Chromium against the daemon. ROKTCACHED_BINARY=FILE: another build than build/release.
# Usage: tests/page/run.sh [TEST...]
#        tests/page/run.sh --screenshots [FOLDER]    renews the pictures of deploy/doc; FOLDER: with the whole page in there
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
packages=(chromium redis-server)
command -v npm >/dev/null || packages+=(nodejs npm)
install_packages "${packages[@]}"

sources=tests/page
export PAGE_LIBRARIES=$PWD/build/page-libraries
mkdir -p "$PAGE_LIBRARIES"
if ! cmp -s "$sources/package-lock.json" "$PAGE_LIBRARIES/installed.json"; then
  cp "$sources/package.json" "$sources/package-lock.json" "$PAGE_LIBRARIES"
  npm ci --silent --no-audit --no-fund --prefix "$PAGE_LIBRARIES"
  cp "$sources/package-lock.json" "$PAGE_LIBRARIES/installed.json"
fi
if [ "${1:-}" = --screenshots ]; then exec python3 "$sources/screenshots.py" "${@:2}"; fi
exec python3 "$sources/test_page.py" "$@"
