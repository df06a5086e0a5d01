#!/usr/bin/env bash
# Counts the instructions that a hit takes, and a miss, from the first byte read to the last one written, kernel aside, and compares them with
# instructions.txt: unlike a time, a number that is the same on a busy machine, so that a change of a few per cent shows.
#
#   tests/bench/instructions.sh              prints the counts and what they were
#   tests/bench/instructions.sh --check      fails too where a count has grown by more than 3 %
#   tests/bench/instructions.sh --write      makes the counts the ones to compare with
#   tests/bench/instructions.sh --profile    prints too in which functions they are
#   ROKTCACHED_BINARY=FILE tests/bench/instructions.sh    another build than build/release
#
# The daemon runs under callgrind, which comes from Debian if it is missing, once a row with a few requests and once with many:
# the difference is theirs. Counts belong to the compiler and the libraries that made them; instructions.txt names those.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export ROKTCACHED_BINARY=${ROKTCACHED_BINARY:-$top/build/release/roktcached}
case "${1:-}" in
  '' | --check | --write | --profile) ;;
  *) echo "usage: $0 [--check | --write | --profile]" >&2; exit 2 ;;
esac
if [ ! -x "$ROKTCACHED_BINARY" ]; then
  echo "$ROKTCACHED_BINARY is missing: cmake --preset release && cmake --build --preset release --target roktcached" >&2
  exit 1
fi

# shellcheck source=/dev/null
source "$top/deploy/packages.sh"
export PATH=$PATH:/usr/sbin PYTHONDONTWRITEBYTECODE=1
install_packages valgrind nginx util-linux python3
exec python3 "$here/instructions.py" "$@"
