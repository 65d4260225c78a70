# shellcheck shell=bash
# Completion of the module tools for bash. `kmod complete` knows what fits; this hands over the words and passes its
# answer on.

_kmod_tools() {
    local - IFS=$' \t\n' rest=${COMP_LINE:0:COMP_POINT} words=() token='' bare line lines i
    set +e -f
    # COMP_WORDS is split where bash breaks words, at colons and equal signs too: what no blank parts is put together.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        bare=${rest#"${rest%%[![:space:]]*}"}
        [[ $i -eq 0 || ${#bare} -lt ${#rest} ]] && words+=('')
        token=${bare:0:${#COMP_WORDS[i]}}
        rest=${bare:${#token}}
        words[-1]+=$token
    done
    # Only the last piece is replaced: nothing yet behind such a break.
    [[ $token && ${COMP_WORDBREAKS//[\"\']/} == *"${token:0:1}"* ]] && token=
    COMPREPLY=()
    # Neither a process nor a file besides: there may be no /proc and no /tmp.
    IFS=$'\n'
    # shellcheck disable=SC2207 # lines, and no patterns by -f
    lines=($(command kmod complete --quoted --piece "$token" "${words[@]}" 2>/dev/null))
    for line in "${lines[@]}"; do COMPREPLY+=("${line%%$'\t'*}"); done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _kmod_tools kmod modprobe depmod modinfo lsmod insmod rmmod
