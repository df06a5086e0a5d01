#!/usr/bin/env bash
# httpie.sh BASE LANGUAGE: asks with HTTPie, see ../client_programs.py.
set -euo pipefail
base=$1 language=$2
. "$(dirname "$0")/answer.sh"

fields=()
[ -z "$language" ] || fields=("Accept-Language:$language")
while IFS=$'\t' read -ra ask; do
  parameters=("${ask[@]:1}")  # NAME==VALUE is HTTPie's way to say one
  http --ignore-stdin --print=hb GET "$base${ask[0]}" "${fields[@]}" "${parameters[@]/=/==}" >"$answer_folder/all"
  sed '/^\r*$/,$d' "$answer_folder/all" >"$head"
  sed '1,/^\r*$/d' "$answer_folder/all" >"$body"
  print_answer "$(sed -nE '1s/^HTTP\/1.1 ([0-9]+).*/\1/p' "$head")"
done
