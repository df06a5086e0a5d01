#!/bin/bash
# Runs the public suite http-cache-tests (npm) against the daemon: its origin behind, its client before, and a
# route with cache = "http" between. Prints each test that fails, why that is kept, and the count.
#
#   tests/conformance/run.sh                  the whole suite; fails below the floor in expectations.json
#   tests/conformance/run.sh TEST-ID          one test, with every head that was sent
#   ROKTCACHED_BINARY=FILE tests/conformance/run.sh    another build than build/release
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
binary=${ROKTCACHED_BINARY:-$top/build/release/roktcached}
unset "${!ROKTCACHED_@}"  # the daemon would take it for a setting
version=0.4.5
work=$(mktemp -d)
origin=
daemon=

stop() {
  for process in $daemon $origin; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  # shellcheck source=/dev/null
  source "$top/deploy/packages.sh"
  install_packages nodejs npm
fi
suite=$top/build/http-cache-tests-$version
if [ ! -e "$suite/done" ]; then
  mkdir -p "$suite"
  npm install --silent --no-audit --no-fund --prefix "$suite" "http-cache-tests@$version" >"$work/npm.log" 2>&1 ||
    { cat "$work/npm.log"; exit 1; }
  touch "$suite/done"
fi
suite=$suite/node_modules/http-cache-tests

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}
origin_port=$(free_port)
port=$(free_port)
printf demo-app >"$work/id"
printf demo-secret >"$work/secret"
chmod 600 "$work/id" "$work/secret"
cat >"$work/roktcached.toml" <<TOML
[listen]
addresses = ["127.0.0.1:$port"]
[admin]
address = "off"
[upstream]
url = "http://127.0.0.1:$origin_port"
max_retries = 0
[cache]
file = "$work/cache.sqlite3"
[[credential]]
name = "suite"
app_id_file = "$work/id"
app_secret_file = "$work/secret"
[[route]]
name = "suite"
path = "/{rest...}"
methods = ["GET", "POST", "PUT", "DELETE", "M-SEARCH", "OPTIONS"]
cache = "http"
inject_token = false
[log]
level = "error"
access = false
TOML

(cd "$suite" && exec env npm_config_protocol=http npm_config_port="$origin_port" npm_config_pidfile="$work/origin.pid" \
  node server/server.mjs) >"$work/origin.log" 2>&1 &
origin=$!
"$binary" serve --config "$work/roktcached.toml" >"$work/daemon.log" 2>&1 &
daemon=$!
for _ in $(seq 200); do
  (: >"/dev/tcp/127.0.0.1/$origin_port") 2>/dev/null && (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  kill -0 "$daemon" 2>/dev/null || { cat "$work/daemon.log"; exit 1; }
  sleep 0.05
done

run_client() {
  (cd "$suite" && env npm_config_base="http://127.0.0.1:$port" npm_config_id="$1" npm_package_config_id= node --no-warnings cli.mjs)
}
if [ $# -gt 0 ]; then
  run_client "$1"
  cat "$work/origin.log"
  exit
fi
run_client "" >"$work/results.json"
echo "http-cache-tests $version:"
# The suite runs a hundred tests at once, with lifetimes of seconds: a busy machine is late for some. They are asked again, a few at a time.
mapfile -t late < <(node --no-warnings "$here/unexpected.mjs" "$suite" "$here/expectations.json" "$work/results.json")
if [ ${#late[@]} -gt 0 ]; then
  echo "again: ${late[*]}"
  (cd "$suite" && env npm_config_base="http://127.0.0.1:$port" node --no-warnings --input-type=module - "${late[@]}" <"$here/again.mjs") \
    >"$work/results-again.json"
  set -- "$work/results-again.json"
fi
node --no-warnings "$here/summary.mjs" "$suite" "$here/expectations.json" "$work/results.json" "$@"
