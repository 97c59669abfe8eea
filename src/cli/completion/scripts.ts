export type Shell = 'bash' | 'zsh' | 'fish';

export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

/**
 * What makes a shell complete `mms`. The scripts know no command: they ask `mms __complete` with the words so far, and so never
 * fall behind it.
 */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return BASH;
    case 'zsh':
      return ZSH;
    case 'fish':
      return FISH;
  }
}

const BASH = `# bash completion for mms
_mms() {
  local line word directive=:4
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :[0-9]*) directive="$line" ;;
      ?*)
        word="\${line%%$'\\t'*}"
        # Bash takes = for the end of a word: only what is behind it is replaced.
        case "\${COMP_WORDS[COMP_CWORD-1]}\${COMP_WORDS[COMP_CWORD]}" in *=*) word="\${word#*=}" ;; esac
        COMPREPLY+=("$word")
        ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "$directive" = :0 ] && [ "\${#COMPREPLY[@]}" -eq 0 ]; then compopt -o default; fi
}
complete -F _mms mms
`;

const ZSH = `#compdef mms
_mms() {
  local line directive=:4
  local -a found
  while IFS= read -r line; do
    case "$line" in
      :[0-9]*) directive="$line" ;;
      ?*) found+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe mms found
  elif [ "$directive" = :0 ]; then _files
  fi
}
# As a file in fpath this is the function's own text, and the first key calls it.
if [ "\${funcstack[1]}" = _mms ]; then _mms "$@"; else compdef _mms mms; fi
`;

const FISH = `# fish completion for mms
function __mms_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found (mms __complete $words[2..] "$current" 2>/dev/null)
    set -l candidates (string match -rv '^:\\d+$' -- $found)
    if test (count $candidates) -gt 0
        printf '%s\\n' $candidates
    else if contains -- :0 $found
        __fish_complete_path "$current"
    end
end
complete -c mms -f -a '(__mms_complete)'
`;
