# In an interactive zsh: its own completion, of which Control-X writes down what it would show.
autoload -Uz compinit && compinit -D -u
source $folder/completion
compadd() {
  if [[ ${@[1,(i)(-|--)]} != *-[OAD]* ]]; then
    typeset -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >> $folder/hits
  fi
  builtin compadd "$@"
}
offer() {
  zle list-choices
  print > $folder/done
}
zle -N offer
bindkey '^X' offer
