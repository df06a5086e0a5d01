# Completion of roktcached in bash. It asks the program itself (--help, routes), so that it knows what the program knows.
_roktcached() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null | sed -nE 's/^  (-[a-z],)?(--[a-z-]+).*/\2/p; /^Subcommands:/,$s/^  ([a-z-]+) .*/\1/p')" -- "$word")
    return
  fi
  case $before in
    --config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -- "$word"; compgen -d -- "$word")
      ;;
    --route)
      mapfile -t COMPREPLY < <(compgen -W "$("$program" routes 2>/dev/null | cut -d' ' -f1)" -- "$word")
      ;;
    *)
      # Of a line the first long option: "-h,--help", "--campaign TEXT Needs: --account".
      if [[ $word == -* || -z $word ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "$verb" --help 2>/dev/null | sed -nE 's/^ {2,4}(-[a-z],)?(--[a-z-]+).*/\2/p')" -- "$word")
      fi
      ;;
  esac
}
complete -o default -F _roktcached roktcached
