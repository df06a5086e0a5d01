#!/usr/bin/env bash
# Builds and runs every test: unit tests under ASan+UBSan, integration tests in release and under ASan+UBSan, what crosses threads
# under TSan. Tests mostly wait, so one build after the other goes on behind them. Ends with what failed and where the time went.
# Usage: tests/run.sh [--quick]    --quick: all of it in release only.
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}" || exit 1

export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ${TSAN_OPTIONS:-}"
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

passed=0
failed=0
failures=()
times=()

begin() {  # begin PART
  part=$1
  begun=$SECONDS
  echo "== $part"
}

end() {  # end PASSED FAILED [WHAT FAILED...]
  passed=$((passed + $1))
  failed=$((failed + $2))
  [ "$2" -eq 0 ] || failures+=("$part:$(printf ' %s;' "${@:3}")")
  times+=("$part $((SECONDS - begun))")
}

check() {  # check PART COMMAND...
  begin "$1"
  local code=0
  "${@:2}" || code=$?
  if [ $code -eq 0 ]; then end 1 0; else end 0 1 "exit code $code"; fi
}

behind() {  # behind PART COMMAND...: goes on beside the parts that follow, until it is collected
  behind=$1
  behind_begun=$SECONDS
  "${@:2}" >"$files/behind" 2>&1 &
  behind_job=$!
}

collect() {
  begin "$behind"
  local code=0
  wait "$behind_job" || code=$?
  cat "$files/behind"
  begun=$behind_begun
  if [ $code -eq 0 ]; then end 1 0; else end 0 1 "exit code $code"; fi
}

build() {  # build PRESET [CMAKE BUILD ARGUMENT...]
  cmake --preset "$1" && nice cmake --build --preset "$@"
} >"$files/$1" 2>&1

unit_targets=(core_tests storage_tests config_tests server_tests simulator_tests hit_allocations_tests)
unit_targets_with_threads=(storage_tests server_tests)  # the others start no threads, or a daemon, as integration tests do
# To compile the unit tests costs half as much as the product does, and a sanitizer sees all that release sees. So release has the
# ones that count allocations, and those that a page runs.
release_unit_targets=(hit_allocations_tests simulator_tests)
release_targets=(roktcached "${release_unit_targets[@]}" cache_model http_readers
  convert_answers day_replay warming_replay miss_latency who_asks bare_loop light_load fill_cache)

# Says for each build when it has ended. What no test runs under a sanitizer is built in release alone.
build_all() {
  if ! $all; then
    build release && echo "$SECONDS"
    return
  fi
  build release --target "${release_targets[@]}" && echo "$SECONDS" || return
  build asan --target roktcached "${unit_targets[@]}" && echo "$SECONDS" || return
  build tsan --target roktcached "${unit_targets_with_threads[@]}" && echo "$SECONDS"
}

# Nothing is read where a build has failed: it was the last one.
wait_for_build() {  # wait_for_build PRESET
  begin "Build, $1"
  local ended
  if read -r -u "$builds" ended; then
    echo "$(tail -n 1 "$files/$1"), $ended s after the start"
    end 0 0
  else
    cat "$files/$1"
    end 0 1 "it cannot be built"
    return 1
  fi
}

any_of() {  # any_of NAME...
  local IFS='|'
  echo "$*"
}

# A test that has begun and not ended well has failed: where it ends its program, it is the only one to say so.
unit_tests() {  # unit_tests PRESET [CTEST ARGUMENT...]
  begin "Unit tests, $1"
  local log="$files/ctest" outputs="build/$1/Testing/Temporary/LastTest.log" code=0 good names
  rm -f "$outputs"
  ctest --preset "$1" -j4 --timeout 300 "${@:2}" >"$log" 2>&1 || code=$?
  { read -r good && mapfile -t names; } < <(cat "$outputs" | awk '
    $2 == "Testing:" { program = $3 }
    { test = program " " $4 }
    $2 == "RUN" { begun[test] = $4 }
    ($2 == "OK" || $2 == "SKIPPED") && test in begun { delete begun[test]; ++good }
    END { print good + 0; for (test in begun) print begun[test] }')
  if [ ${#names[@]} -eq 0 ] && { [ $code -ne 0 ] || [ "$good" -eq 0 ]; }; then
    # A leak, say, is no test's, but its program's.
    mapfile -t names < <(sed -nE '/Skipped/d; s/^\t *[0-9]+ - (.*)$/\1/p' "$log")
    names=("${names[@]:-no result}")
  fi
  [ ${#names[@]} -eq 0 ] || cat "$log"
  tail -n 3 "$log"
  end "$good" ${#names[@]} "${names[@]}"
}

run_integration_tests() {  # run_integration_tests PRESET [MODULE...]
  rm -f "$files/integration"
  ROKTCACHED_BINARY="$PWD/build/$1/roktcached" ROKTCACHED_RESULT="$files/integration" python3 tests/integration/run.py "${@:2}"
}

count_integration_tests() {
  local good bad names
  [ -s "$files/integration" ] || printf '0 1\nno result\n' >"$files/integration"
  { read -r good bad && mapfile -t names; } <"$files/integration"
  end "$good" "$bad" "${names[@]}"
}

integration_tests() {  # integration_tests PRESET [MODULE...]
  begin "Integration tests, $1"
  run_integration_tests "$@"
  count_integration_tests
}

# Each program prints what it measures; see tests/faults/README.md.
faults() {
  begin "Faults, short forms"
  local program good=0 bad=()
  for program in leaving slow_readers failing_answers reloads handover memory failing_memory failing_files failing_threads; do
    if ROKTCACHED_BINARY="$PWD/build/release/roktcached" python3 "tests/faults/$program.py" --short; then good=$((good + 1)); else bad+=("$program"); fi
    echo
  done
  end $good ${#bad[@]} "${bad[@]}"
}

all=true
[ "${1:-}" != --quick ] || all=false
exec {builds}< <(build_all)

check "Layout" python3 tests/architecture_check.py
check "Thread safety" tests/thread_safety.sh
check "Format" bash -c "git ls-files '*.h' '*.cpp' | xargs clang-format --dry-run -Werror"
if wait_for_build release; then
  if $all; then unit_tests release -R "$(any_of "${release_unit_targets[@]}")"; else unit_tests release; fi
  integration_tests release
  check "clang-tidy" tests/clang_tidy.py
  check "Pages" python3 tests/pages_check.py
  check "Day replay" build/release/day_replay --check
  check "Warming replay" build/release/warming_replay --check
  check "Cache model" build/release/cache_model
  check "HTTP readers" build/release/http_readers
  # Its tests mostly wait: for leases that end, and for an engine that does not answer.
  behind "Fleet with failing engines" tests/fleet/run.sh
  check "Conformance, http-cache-tests" tests/conformance/run.sh
  check "Pages in Chromium" tests/browser/run.sh
  check "Dashboard in Chromium" tests/page/run.sh
  check "Client libraries" tests/clients/run.sh
  check "OpenAPI clients" tests/openapi/run.sh
  check "Formats" tests/formats/run.sh
  collect
  behind "Packages" tests/packages/run.sh
  check "Fleet" python3 tests/bench/fleet.py --short --promises --rows cold,purge,failures,partition,owner
  check "Prometheus" tests/prometheus/run.sh
  collect
  faults
  if $all && wait_for_build asan; then
    unit_tests asan
    integration_tests asan
    if wait_for_build tsan; then
      # Nothing is built any more, so both at once.
      run_integration_tests tsan test_coalescing test_shutdown test_persistence test_metrics >"$files/output" 2>&1 &
      integration=$!
      unit_tests tsan -R "$(any_of "${unit_targets_with_threads[@]}")"
      begin "Integration tests, tsan, after the unit tests"
      wait $integration
      cat "$files/output"
      count_integration_tests
    fi
  fi
fi

echo
printf '%s s; ' "${times[@]}"
echo "in all $SECONDS s"
[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
