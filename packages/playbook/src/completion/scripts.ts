export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

// Each asks `banyan complete` with the words so far, and gets candidates, a line each, with what they are after a tab. Where
// there are none, the shell offers files.

// bash splits words at colons, which edges have: the words are taken from the line, and of a candidate only what comes after
// the last colon of the word so far is given back.
const BASH = `# banyan completion bash: add to ~/.bashrc: eval "$(banyan completion bash)"
_banyan() {
  local IFS=$' \\t\\n' line=\${COMP_LINE:0:COMP_POINT} words word candidate about
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate about; do
    [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && candidate=\${candidate#"\${word%"\${word##*:}"}"}
    COMPREPLY+=("$candidate")
  done < <(banyan complete -- "\${words[@]:1}" 2> /dev/null)
}
complete -o default -F _banyan banyan`;

const ZSH = `# banyan completion zsh: add to ~/.zshrc, after compinit: eval "$(banyan completion zsh)"
_banyan() {
  local -a found
  local line
  for line in \${(f)"$(banyan complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)"}; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe -V banyan found; else _files; fi
}
compdef _banyan banyan`;

const FISH = `# banyan completion fish: banyan completion fish > ~/.config/fish/completions/banyan.fish
function __banyan_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (banyan complete -- $words[2..-1] 2> /dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c banyan -f -k -a '(__banyan_complete)'`;

export const SCRIPTS: Record<Shell, string> = { bash: BASH, zsh: ZSH, fish: FISH };
