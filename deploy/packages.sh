# The Debian packages that building and testing need; sourced, not run.
# install_packages NAME... installs what is missing, as root or with sudo.

build_packages=(
  g++ cmake ninja-build pkg-config
  libboost1.81-dev libssl-dev libsqlite3-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libcli11-dev
  libzstd-dev prometheus-cpp-dev zlib1g-dev libxxhash-dev libhiredis-dev libhowardhinnant-date-dev tzdata ca-certificates
)
test_packages=(libgtest-dev libgmock-dev python3 curl openssl git clang clang-format clang-tidy)

install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "Installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}
