# Types into a zsh at a terminal: completion is a matter of its line editor, which is there only then.
# Usage: zsh -f completion-terminal.zsh COMMANDS LINE FILE
# COMMANDS run before the line is typed; FILE gets the line as it is after the Tab key.
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed "$1"
zpty -w typed "show() { print -rn -- \"\$BUFFER\" > ${(q)3} }; zle -N show; bindkey '^X' show; print -r -- rea''dy"
# What it prints must be read, or it stands still.
until [[ $seen == *ready* ]]; do zpty -r typed line && seen+=$line; done
zpty -w -n typed "$2"$'\t\x18'
until [[ -s $3 ]]; do zpty -r -t typed line || sleep 0.05; done
zpty -d typed
