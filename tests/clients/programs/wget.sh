#!/usr/bin/env bash
# wget.sh BASE LANGUAGE: asks with wget, of a script that doubles the '&'; see ../client_programs.py.
set -euo pipefail
base=$1 language=$2
. "$(dirname "$0")/answer.sh"

fields=()
[ -z "$language" ] || fields=(--header "Accept-Language: $language")
while IFS=$'\t' read -ra ask; do
  # An answer that is no success is for the test to judge.
  wget -q -S --tries=1 --content-on-error "${fields[@]}" -O "$body" "$base${ask[0]}?$(printf '&%s&' "${ask[@]:1}")" 2>"$head" || true
  print_answer "$(sed -nE 's/^ *HTTP\/1.1 ([0-9]+).*/\1/p' "$head")"
done
