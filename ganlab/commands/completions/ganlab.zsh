_ganlab_complete() {
    local -a found
    found=("${(@f)$(ganlab completion query "$LBUFFER" 2>/dev/null)}")
    if [[ -n "$found" ]]; then
        compadd -Q -S '' -- ${(M)found:#*[=.]}
        compadd -Q -- ${found:#*[=.]}
    else
        compset -P '*='
        _files
    fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _ganlab_complete ganlab
