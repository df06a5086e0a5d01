#!/usr/bin/env bash
# Other forms of answers: random ones against parsers that are not ours, and CSV in the programs that analysts read it with.
# ROKTCACHED_BINARY=FILE: another build than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh

packages=(python3-pandas r-base-core libreoffice-calc)
command -v npm >/dev/null || packages+=(nodejs npm)
install_packages "${packages[@]}"

sources=tests/formats
export FORMAT_READERS=$PWD/build/format-readers
mkdir -p "$FORMAT_READERS"
if ! cmp -s "$sources/package-lock.json" "$FORMAT_READERS/installed.json"; then
  cp "$sources/package.json" "$sources/package-lock.json" "$FORMAT_READERS"
  npm ci --silent --no-audit --no-fund --prefix "$FORMAT_READERS"
  cp "$sources/package-lock.json" "$FORMAT_READERS/installed.json"
fi
python3 "$sources/test_random.py" build/release/convert_answers
exec python3 -m unittest discover -v -s tests/formats -p test_readers.py "$@"
