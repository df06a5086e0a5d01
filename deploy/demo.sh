#!/usr/bin/env bash
# Builds roktcached, starts it on its built-in simulator and shows a report as a miss and then as a hit.
# Usage: deploy/demo.sh [--once]    --once stops the daemon again at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
install_packages "${build_packages[@]}" curl

echo "Building roktcached; the first time it takes some minutes."
cmake --preset release -DROKTCACHED_TESTS=OFF >/dev/null
cmake --build --preset release --target roktcached

port=${DEMO_PORT:-8080}
admin=${DEMO_ADMIN_PORT:-8081}
log=$(mktemp -t roktcached-demo.XXXXXX)
ROKTCACHED_LISTEN_ADDRESSES="127.0.0.1:$port" ROKTCACHED_ADMIN_ADDRESS="127.0.0.1:$admin" \
  build/release/roktcached serve --demo >"$log" 2>&1 </dev/null &
pid=$!
stop() { kill "$pid" 2>/dev/null && wait "$pid" || true; }
trap 'stop; printf "\nThe demo has stopped.\n"; exit 130' INT TERM  # Ctrl-C does not reach what runs in the background

for _ in $(seq 100); do
  curl -fs -o /dev/null "http://127.0.0.1:$admin/livez" && break
  if ! kill -0 "$pid" 2>/dev/null; then
    cat "$log" >&2
    grep -q 'already in use' "$log" && echo "For other ports: DEMO_PORT=18080 DEMO_ADMIN_PORT=18081 deploy/demo.sh" >&2
    exit 1
  fi
  sleep 0.1
done

report="http://127.0.0.1:$port/reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York"
for what in "The first time it is a miss:" "The second time it is a hit:"; do
  printf '\n%s\n$ curl -i "%s"\n' "$what" "$report"
  if ! curl -fsSi "$report"; then
    stop
    exit 1
  fi
  echo
done

if [ "${1:-}" = --once ]; then
  stop
  printf '\nThe demo has stopped.\n'
else
  printf '\nIt is still running.\n'
  printf '  reports:    http://127.0.0.1:%s/reporting/...\n  dashboard:  http://127.0.0.1:%s/\n  log:        %s\n' "$port" "$admin" "$log"
  printf 'Stop it with: kill %s\n' "$pid"
fi
