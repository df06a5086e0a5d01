#!/usr/bin/env bash
# What a miss costs beyond the request that it makes: roktcached and nginx's proxy_cache, each with one thread, in front of the
# same origin on loopback; every request is for a new key, is fetched over a kept connection and is stored in memory.
#
#   tests/bench/miss.sh                       measures and prints; fails only where something does not work
#   tests/bench/miss.sh --check               fails too where roktcached adds more than half again what nginx adds, or in any round
#                                             three times as much
#   ROKTCACHED_BINARY=FILE tests/bench/miss.sh    another build than build/release
#
# The servers run on one core and the client on another, where there are two. nginx comes from Debian if it is missing (the
# package may start a service of its own); what is measured is started here, with other ports and files, and ends with this.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
binary=${ROKTCACHED_BINARY:-$top/build/release/roktcached}
client=${MISS_LATENCY_BINARY:-$top/build/release/miss_latency}
unset "${!ROKTCACHED_@}"  # the daemon would read these as settings
case "${1:-}" in
  '' | --check) ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
for built in "$binary" "$client"; do
  [ -x "$built" ] && continue
  echo "$built is missing: cmake --preset release && cmake --build --preset release --target roktcached miss_latency" >&2
  exit 1
done

# In memory where the machine has such a place: roktcached keeps what it fetches in memory, too.
place=/dev/shm
[ -d "$place" ] && [ -w "$place" ] || place=${TMPDIR:-/tmp}
work=$(mktemp -d "$place/roktcached-miss.XXXXXX")
processes=()
stop() {
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

PATH=$PATH:/usr/sbin
if ! command -v nginx >/dev/null || ! command -v taskset >/dev/null || ! command -v python3 >/dev/null; then
  # shellcheck source=/dev/null
  source "$top/deploy/packages.sh"
  install_packages nginx util-linux python3
fi

read -r origin_port port nginx_port < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in sockets))')
read -ra cores < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')

on_core() {  # on_core NUMBER COMMAND...    becomes the command, on the first or the second core that we may use
  local number=$1
  shift
  [ "${#cores[@]}" -ge 2 ] || exec "$@"
  exec taskset -c "${cores[$number]}" "$@"
}

# What both nginx have. Connections last as long as the run; a closed one would be counted as a slow answer.
nginx_conf() {  # nginx_conf NAME    the http block's rest comes from stdin
  [ "$(id -u)" -ne 0 ] || echo 'user root;'
  cat <<CONF
daemon off;
worker_processes 1;
pid $work/$1.pid;
error_log $work/$1.log warn;
events { worker_connections 64; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000;
  client_body_temp_path $work/$1-body;
  proxy_temp_path $work/$1-proxy;
  fastcgi_temp_path $work/$1-fastcgi;
  uwsgi_temp_path $work/$1-uwsgi;
  scgi_temp_path $work/$1-scgi;
  default_type application/json;
$(cat)
}
CONF
}

report=$(printf '{"grossCost":%s,"netCost":%s,"impressions":%s,"referrals":%s,"acquisitions":%s,"campaignId":"%s","currency":"%s","note":"%s"}' \
  44650.481000 40185.432900 399386 44577 9120 3 USD "$(printf 'x%.0s' {1..57})")
nginx_conf origin >"$work/origin.conf" <<CONF
  server {
    listen 127.0.0.1:$origin_port;
    location / { return 200 '$report'; }
    location = /auth/oauth2/token { return 200 '{"access_token":"bench","token_type":"Bearer","expires_in":3600}'; }
  }
CONF
# In its first minute nginx has not yet read its cache's folder, and looks there for each new key: one failing open() a miss.
nginx_conf nginx >"$work/nginx.conf" <<CONF
  proxy_cache_path $work/cache levels=1:2 keys_zone=reports:16m max_size=256m inactive=1h use_temp_path=off;
  upstream origin {
    server 127.0.0.1:$origin_port;
    keepalive 16;
    keepalive_requests 1000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:$nginx_port;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache reports;
      proxy_cache_valid 200 1h;
      add_header X-Cache-Status \$upstream_cache_status;
    }
  }
CONF
printf bench >"$work/id"
printf bench >"$work/secret"
chmod 600 "$work/id" "$work/secret"
cat >"$work/roktcached.toml" <<TOML
[listen]
addresses = ["127.0.0.1:$port"]
threads = 1
[admin]
address = "off"
[upstream]
url = "http://127.0.0.1:$origin_port"
[upstream.budget]
requests_per_second = 0
[cache]
file = ""
[log]
level = "error"
access = false
[[credential]]
name = "bench"
app_id_file = "$work/id"
app_secret_file = "$work/secret"
TOML

start() {  # start PORT NAME COMMAND...    returns once the port is open
  local at=$1 name=$2
  shift 2
  on_core 0 "$@" >"$work/$name.out" 2>&1 </dev/null &
  processes+=($!)
  for _ in $(seq 200); do
    (: >"/dev/tcp/127.0.0.1/$at") 2>/dev/null && return
    kill -0 "${processes[-1]}" 2>/dev/null || break
    sleep 0.05
  done
  echo "$name does not start:" >&2
  cat "$work/$name.out" "$work/$name.log" >&2 2>/dev/null || true
  exit 1
}
start "$origin_port" origin nginx -p "$work" -e "$work/origin.log" -c "$work/origin.conf"
start "$port" roktcached "$binary" serve --config "$work/roktcached.toml"
start "$nginx_port" nginx nginx -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf"

date -u '+%F %H:%M UTC'
echo "$(nproc) cores, $(uname -m); load $(cut -d ' ' -f 1 /proc/loadavg); servers on one core, client on $([ "${#cores[@]}" -ge 2 ] && echo another || echo the same)"
"$binary" version
nginx -v 2>&1
(on_core 1 "$client" "$@" "$origin_port" "$port" "$nginx_port")
