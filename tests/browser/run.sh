#!/usr/bin/env bash
# Pages in a real Chromium against the daemon. ROKTCACHED_BINARY=FILE: another build than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
install_packages chromium chromium-driver
exec python3 tests/browser/test_browser.py "$@"
