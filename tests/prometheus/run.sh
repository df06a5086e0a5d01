#!/usr/bin/env bash
# Prometheus itself against the daemon: it scrapes it, checks deploy/prometheus, and answers the queries of deploy/grafana.
# ROKTCACHED_BINARY=FILE: another build than build/release.
# The Debian package is unpacked below build/, not installed: it would start a service of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
install_packages redis-server
tools=$PWD/build/tools/prometheus
if [ ! -x "$tools/usr/bin/promtool" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  download() { apt-get download -q -o APT::Sandbox::User=root prometheus; }
  update() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -q
  }
  fetch() { download || { update && download; }; }
  with_apt_lock fetch
  mkdir -p "$tools"
  dpkg-deb --extract prometheus_*.deb "$tools"
  cd - >/dev/null
fi
PATH="$tools/usr/bin:$PATH" python3 tests/prometheus/test_prometheus.py "$@"
