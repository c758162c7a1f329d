_ganlab_complete() {
    local line="${COMP_LINE:0:$COMP_POINT}" found IFS=$'\n'
    local word="${line##* }"
    found=($(ganlab completion query "$line" 2>/dev/null))
    # Readline begins a new word after `=`.
    if [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        found=("${found[@]#"${word%%=*}="}")
    fi
    COMPREPLY=("${found[@]}")
    if [[ ${#found[@]} == 1 && "${found[0]}" == *[=.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _ganlab_complete ganlab
