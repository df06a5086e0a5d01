#!/usr/bin/env bash
# curl.sh literal|encoded|joined BASE LANGUAGE: asks with curl, see ../client_programs.py.
#   literal: one address, as people type it    encoded: -G --data-urlencode
#   joined: a script that puts a '&' behind each parameter
set -euo pipefail
mode=$1 base=$2 language=$3
. "$(dirname "$0")/answer.sh"

fields=()
[ -z "$language" ] || fields=(-H "Accept-Language: $language")
while IFS=$'\t' read -ra ask; do
  case $mode in
    literal) address=(--globoff "$base${ask[0]}?$(IFS='&'; echo "${ask[*]:1}")") ;;
    joined) address=(--globoff "$base${ask[0]}?$(printf '%s&' "${ask[@]:1}")") ;;
    encoded)
      address=(-G "$base${ask[0]}")
      for parameter in "${ask[@]:1}"; do address+=(--data-urlencode "$parameter"); done
      ;;
  esac
  status=$(curl -sS --compressed "${fields[@]}" -D "$head" -o "$body" -w '%{http_code}' "${address[@]}")
  print_answer "$status"
done
