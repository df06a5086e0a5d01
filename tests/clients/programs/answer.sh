# What the shell's clients have in common; sourced, not run. The client writes its answer to $head and $body.

answer_folder=$(mktemp -d)
trap 'rm -rf "$answer_folder"' EXIT
head=$answer_folder/head
body=$answer_folder/body

print_answer() {  # print_answer STATUS
  printf '%s\t%s\t%s\n' "$1" "$(sha256sum <"$body" | cut -d ' ' -f 1)" \
    "$(sed -nE 's/^ *Cache-Status: *([^\r]*)\r?$/\1/Ip' "$head")"
}
