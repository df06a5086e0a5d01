#!/usr/bin/env bash
# Measures roktcached beside nginx's proxy_cache, HAProxy, Varnish and a bare epoll loop, and prints one table: hits, pipelined
# hits, new connections, many keys, a million entries on disk, TLS, large and compressed answers, misses, memory, the start, both
# cores. The bars that roktcached is held to come below it. Three quarters of an hour; it needs two cores that nobody else uses,
# 8 GB of disk and 4 GB of memory.
#
#   tests/bench/run.sh                        all rows, nine rounds of a second
#   tests/bench/run.sh --rows a,b --rounds 15 some of them
#   tests/bench/run.sh --rows k --entries 10000000  ten times as much on disk, 80 GB of it
#   tests/bench/run.sh --quick                sees in a few minutes that everything works; its figures say nothing
#   tests/bench/run.sh --check                fails where a bar is missed
#   ROKTCACHED_BINARY=FILE tests/bench/run.sh another build than build/release
#   BENCH_DISK=FOLDER tests/bench/run.sh      where the million entries go, /var/tmp by default
#
# Servers run on one core, wrk on another, or light_load, where wrk would be full before them. The peers come from Debian if they are
# missing (the packages may start services of their own); what is measured is started here, with other ports and files, and ends with this.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
binary=${ROKTCACHED_BINARY:-}
# shellcheck source=/dev/null
source "$top/deploy/packages.sh"
export PATH=$PATH:/usr/sbin
install_packages nginx haproxy varnish wrk curl openssl util-linux python3

targets=(bare_loop light_load fill_cache miss_latency)
[ -n "$binary" ] || targets+=(roktcached)
build() {
  install_packages "${build_packages[@]}" "${test_packages[@]}"
  cmake --preset release -S "$top" && cmake --build "$top/build/release" --target "${targets[@]}"
}
log=$(mktemp)
build >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
rm -f "$log"

unset "${!ROKTCACHED_@}"
export ROKTCACHED_BINARY=${binary:-$top/build/release/roktcached}
export BARE_LOOP_BINARY=$top/build/release/bare_loop LIGHT_LOAD_BINARY=$top/build/release/light_load
export FILL_CACHE_BINARY=$top/build/release/fill_cache
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/run.py" "$@"
