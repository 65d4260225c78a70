# shellcheck shell=bash
# Completion of the module tools for bash. `kmod complete` knows what fits; this hands over the words and passes its
# answer on.

_kmod_tools() {
    local typed=${COMP_LINE:0:COMP_POINT} word value cut line words
    # By blanks alone: COMP_WORDS is split at colons and equal signs too, as bash's own list of word breaks has it.
    read -ra words <<<"$typed"
    [[ $typed == *[[:space:]] ]] && words+=('')
    word=${words[-1]}
    # What stands before the last of those breaks stays where it is on the line.
    cut=${word%"${word##*[=:]}"}
    [[ $cut == *: && $COMP_WORDBREAKS != *:* ]] && cut=
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        COMPREPLY+=("${value#"$cut"}")
    done < <(kmod complete "${words[@]}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _kmod_tools kmod modprobe depmod modinfo lsmod insmod rmmod
