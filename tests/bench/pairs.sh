#!/usr/bin/env bash
# Compares two builds of roktcached in pairs within one run: the CPU time of a hit (row a of run.sh) and of a miss that is stored (its
# row h). Each round loads one build and then the other, in turn the one first and the other; what counts is the quotient within a round,
# so that what else goes on in the machine reaches both.
#
#   tests/bench/pairs.sh OLD NEW                  prints both; exit code 1 where NEW takes more than 3 % more, 2 where the machine is too noisy to say
#   tests/bench/pairs.sh OLD NEW --rounds 31      more rounds than 15; where they decide nothing there are up to four times as many
#   tests/bench/pairs.sh OLD NEW --instructions   holds instructions in user space to the same bar, under callgrind, which no load disturbs; a minute more
#
# wrk loads from another core than the server's. wrk, nginx (the origin) and valgrind come from Debian if they are missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
source "$here/../../deploy/packages.sh"
export PATH=$PATH:/usr/sbin PYTHONDONTWRITEBYTECODE=1
packages=(nginx wrk curl util-linux python3)
[[ " $* " != *" --instructions "* ]] || packages+=(valgrind)
install_packages "${packages[@]}"
unset "${!ROKTCACHED_@}"
exec python3 "$here/pairs.py" "$@"
