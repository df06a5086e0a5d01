#!/usr/bin/env bash
# Builds and runs every test: unit and integration tests in release and under ASan+UBSan, what crosses threads under TSan.
# Integration tests mostly wait, so the next build goes on behind them.
# Usage: tests/run.sh [--quick]    --quick: release only.
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}" || exit 1

export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ${TSAN_OPTIONS:-}"
passed=0
failed=0
count() {  # count PASSED FAILED
  passed=$((passed + $1))
  failed=$((failed + $2))
}

declare -A building logs

begin_build() {  # begin_build PRESET [CMAKE BUILD ARGUMENT...]
  logs[$1]=$(mktemp)
  { cmake --preset "$1" && nice cmake --build --preset "$@"; } >"${logs[$1]}" 2>&1 &
  building[$1]=$!
}

end_build() {  # end_build PRESET
  echo "== Building $1"
  local ended=0
  wait "${building[$1]}" || ended=1
  if [ $ended -eq 0 ]; then tail -n 1 "${logs[$1]}"; else cat "${logs[$1]}"; count 0 1; fi
  rm -f "${logs[$1]}"
  return $ended
}

unit_tests() {  # unit_tests PRESET [CTEST ARGUMENT...]
  local preset=$1 log
  shift
  log=$(mktemp)
  echo "== Unit tests, $preset"
  ctest --preset "$preset" -j4 --timeout 300 "$@" >"$log" 2>&1
  local all bad
  all=$(grep -oE 'tests failed out of [0-9]+' "$log" | grep -oE '[0-9]+$' || echo 0)
  bad=$(grep -oE '[0-9]+ tests failed out of' "$log" | grep -oE '^[0-9]+' || echo 1)
  [ "$bad" -eq 0 ] && [ "$all" -gt 0 ] || cat "$log"
  tail -n 3 "$log"
  count $((all - bad)) "$bad"
  rm -f "$log"
}

integration_tests() {  # integration_tests PRESET
  echo "== Integration tests, $1"
  local result
  result=$(mktemp)
  ROKTCACHED_BINARY="$PWD/build/$1/roktcached" ROKTCACHED_RESULT="$result" python3 tests/integration/run.py "${@:2}"
  local counts
  counts=$(cat "$result")
  rm -f "$result"
  count ${counts:-0 1}
}

echo "== Layout"
if python3 tests/architecture_check.py; then count 1 0; else count 0 1; fi

all=true
[ "${1:-}" != --quick ] || all=false

begin_build release
if end_build release; then
  unit_tests release
  $all && begin_build asan
  integration_tests release
  echo "== Day replay"
  if build/release/day_replay --check; then count 1 0; else count 0 1; fi
  echo "== Cache model"
  if build/release/cache_model; then count 1 0; else count 0 1; fi
  echo "== HTTP readers"
  if build/release/http_readers; then count 1 0; else count 0 1; fi
  echo "== Conformance, http-cache-tests"
  if tests/conformance/run.sh; then count 1 0; else count 0 1; fi
  echo "== Pages in Chromium"
  if tests/browser/run.sh; then count 1 0; else count 0 1; fi
  if $all && end_build asan; then
    unit_tests asan
    begin_build tsan --target roktcached storage_tests server_tests
    integration_tests asan
    if end_build tsan; then
      unit_tests tsan -E NOT_BUILT  # the others start no threads, or run inside the daemon below
      integration_tests tsan test_coalescing test_shutdown test_persistence test_metrics
    fi
  fi
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
