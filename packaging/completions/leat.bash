# bash completion for leat and leatd. Commands and options are asked of the programs, so that they are those that are installed.

# What begins a line after two blanks in the list of commands.
_leat_commands() {
  leat help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p'
}

# Words such as --json and --size= of a help text.
_leat_options() {
  "$@" --help 2>/dev/null | grep -oE -- '(^|[ ,])--[a-z-]+=?' | tr -d ' ,'
}

# Names of files in shared memory that begin with $1, without that.
_leat_names() {
  local file
  for file in "${LEAT_SHM_DIR:-/dev/shm}/$1"*; do
    [ -e "$file" ] && printf '%s\n' "${file##*/"$1"}"
  done
}

_leat_arguments() {
  case $1 in
    pub | sub | channels) _leat_names leat. ;;
    ledger | top | plan | reload | config) _leat_names leat-gateway. ;;
    doctor) _leat_names leat. | sed 's,^,shm://,' ;;
    plugins) leat plugins --json 2>/dev/null | sed -n 's/^[[:space:]]"name":[[:space:]]*"\([^"]*\)".*/\1/p' ;;
    plugin) printf '%s\n' new test ;;
    help) _leat_commands ;;
  esac
}

_leat() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} before=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_leat_commands) help" -- "$word")
  elif [ "$before" = -c ] || [ "$before" = --config ] || [ "$command" = check ] || [[ $word == */* && $word != *://* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    compopt -o filenames 2>/dev/null
  elif [[ $word == -* ]]; then
    local of=("leat" "$command")
    [ "$command" = plugin ] && [ "$COMP_CWORD" -gt 2 ] && of+=("${COMP_WORDS[2]}")
    mapfile -t COMPREPLY < <(compgen -W "$(_leat_options "${of[@]}")" -- "$word")
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -W "$(_leat_arguments "$command")" -- "$word")
  fi
}

_leatd() {
  local word=${COMP_WORDS[COMP_CWORD]}
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_leat_options leatd)" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    compopt -o filenames 2>/dev/null
  fi
}

complete -F _leat leat
complete -F _leatd leatd
