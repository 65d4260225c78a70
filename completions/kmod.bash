# shellcheck shell=bash
# bash completion for the module tools. `kmod complete` computes the completions; this function passes the words to it
# and its output to bash.

_kmod_tools() {
    local - IFS=$' \t\n' rest=${COMP_LINE:0:COMP_POINT} words=() token='' bare line lines i
    set +e -f
    # bash splits COMP_WORDS at colons and equals signs, too; join the pieces that are not separated by blanks.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        bare=${rest#"${rest%%[![:space:]]*}"}
        [[ $i -eq 0 || ${#bare} -lt ${#rest} ]] && words+=('')
        token=${bare:0:${#COMP_WORDS[i]}}
        rest=${bare:${#token}}
        words[-1]+=$token
    done
    # bash replaces only the last piece, which is empty right after such a separator.
    [[ $token && ${COMP_WORDBREAKS//[\"\']/} == *"${token:0:1}"* ]] && token=
    COMPREPLY=()
    # Use neither a process substitution nor a here-document, since /proc and /tmp may be missing.
    IFS=$'\n'
    # shellcheck disable=SC2207 # split at newlines; set -f prevents globbing
    lines=($(command kmod complete --quoted --piece "$token" "${words[@]}" 2>/dev/null))
    for line in "${lines[@]}"; do COMPREPLY+=("${line%%$'\t'*}"); done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _kmod_tools kmod modprobe depmod modinfo lsmod insmod rmmod
