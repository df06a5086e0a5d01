#!/usr/bin/env bash
# Client libraries of ten languages, and the programs of the pages, against the daemon. ROKTCACHED_BINARY=FILE: another build than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh

packages=(
  curl wget httpie openssl
  python3-requests python3-httpx python3-aiohttp python3-requests-oauthlib python3-pandas
  golang-go libwww-perl php-cli php-curl ruby r-base-core r-cran-httr r-cran-jsonlite
)
command -v javac >/dev/null || packages+=(default-jdk-headless)
command -v npm >/dev/null || packages+=(nodejs npm)
install_packages "${packages[@]}"

sources=tests/clients
export CLIENT_LIBRARIES=$PWD/build/client-libraries
mkdir -p "$CLIENT_LIBRARIES"
if ! cmp -s "$sources/package-lock.json" "$CLIENT_LIBRARIES/installed.json"; then
  cp "$sources/package.json" "$sources/package-lock.json" "$CLIENT_LIBRARIES"
  npm ci --silent --no-audit --no-fund --prefix "$CLIENT_LIBRARIES"
  cp "$sources/package-lock.json" "$CLIENT_LIBRARIES/installed.json"
fi
javac -d "$CLIENT_LIBRARIES" "$sources/programs/JavaHttpClient.java"
GO111MODULE=off GOCACHE=$CLIENT_LIBRARIES/go-cache go build -o "$CLIENT_LIBRARIES/go_http" "$sources/programs/go_http.go"
exec python3 -m unittest discover -v -s tests/clients "$@"
