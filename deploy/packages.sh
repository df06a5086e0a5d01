# The Debian packages that building and testing need; sourced, not run.
# install_packages NAME... installs what is missing, as root or with sudo.

build_packages=(
  g++ cmake ninja-build pkg-config
  libboost1.81-dev libssl-dev libsqlite3-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libcli11-dev
  libzstd-dev prometheus-cpp-dev zlib1g-dev libxxhash-dev libhiredis-dev libhowardhinnant-date-dev tzdata ca-certificates
)
test_packages=(libgtest-dev libgmock-dev python3 curl openssl git clang clang-format clang-tidy)

# One at a time: apt-get refuses to run beside itself.
with_apt_lock() {
  (
    flock 9
    "$@" 9>&-  # a service that an installation starts would keep the lock
  ) 9>"${TMPDIR:-/tmp}/roktcached-apt-$(id -u).lock"
}

missing_packages() {  # missing_packages NAME...
  local name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || echo "$name"
  done
}

install_packages() {
  [ -z "$(missing_packages "$@")" ] || with_apt_lock install_missing_packages "$@"
}

install_missing_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0  # another has installed them meanwhile
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "Installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}
