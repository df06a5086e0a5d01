#!/usr/bin/env bash
# The unit, the Debian package, the manual, the completion, the container's image and the manifests for Kubernetes.
# The package is installed in a Debian of its own, started with its own systemd, rebooted, upgraded, removed and purged.
# The image is made of it, and run by podman. That Debian is made once, in build/tools; it needs root, and a machine that
# lets root mount. All of it is of build/release. CONTAINER_FROM_SOURCES=1: the image's Containerfile
# compiles a clone of the last commit. INSTALL_FROM_SOURCES=1: so does the stranger who follows the page.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh
install_packages dpkg-dev file man-db groff-base bash systemd systemd-container mmdebstrap curl podman runc netavark aardvark-dns iptables python3-yaml redis-server
command -v npm >/dev/null || install_packages nodejs npm
export PACKAGE_FOLDER=$PWD/build/tools/package DEBIAN_ROOT=$PWD/build/tools/debian-root
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -E)

types=$PWD/build/tools/kubernetes-types
mkdir -p "$types"
if ! cmp -s tests/packages/kubernetes-types/package-lock.json "$types/installed.json"; then
  cp tests/packages/kubernetes-types/*.json "$types"
  npm ci --silent --no-audit --no-fund --prefix "$types"
  cp "$types/package-lock.json" "$types/installed.json"
fi

rm -rf "$PACKAGE_FOLDER"
cpack --config build/release/CPackConfig.cmake -B "$PACKAGE_FOLDER" >/dev/null
if ! "${as_root[@]}" unshare --mount true; then
  echo "The package is not installed here: this machine does not let root mount." >&2
  unset DEBIAN_ROOT
elif [ ! -d "$DEBIAN_ROOT" ]; then
  # With the packages that it depends on at hand, not installed: that is the package's to ask for.
  echo "Making a Debian in $DEBIAN_ROOT; this takes some minutes, once."
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  "${as_root[@]}" mmdebstrap --quiet --variant=apt --skip=cleanup/apt/lists --dpkgopt=force-unsafe-io --include=systemd-sysv,dbus,libnss-systemd,logrotate \
    --customize-hook='echo "127.0.0.1 localhost" >"$1/etc/hosts"' --customize-hook="cp $PACKAGE_FOLDER/roktcached_*.deb \"\$1/tmp\"" \
    --customize-hook='chroot "$1" sh -c "apt-get install -q -y --no-install-recommends --download-only /tmp/roktcached_*.deb && rm /tmp/roktcached_*.deb"' \
    --skip=cleanup/apt/cache "$release" "$DEBIAN_ROOT.new"
  "${as_root[@]}" mv "$DEBIAN_ROOT.new" "$DEBIAN_ROOT"
fi
private=()
[ -z "${DEBIAN_ROOT:-}" ] || private=("${as_root[@]}" unshare --mount)
exec "${private[@]}" /usr/bin/python3 -m unittest discover -v -s tests/packages "$@"
