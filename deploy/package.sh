#!/usr/bin/env bash
# Builds roktcached and a Debian package of it, and says where that is.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
install_packages "${build_packages[@]}" python3 dpkg-dev file

cmake --preset release -DROKTCACHED_TESTS=OFF >/dev/null
cmake --build --preset release --target roktcached
cpack --config build/release/CPackConfig.cmake -B build/package
rm -rf build/package/_CPack_Packages
ls "$PWD"/build/package/roktcached_*.deb
