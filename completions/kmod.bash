# shellcheck shell=bash
# Completion of the module tools for bash. `kmod complete` knows what fits; this hands over the words and passes its
# answer on.

_kmod_tools() {
    local - IFS=$' \t\n' rest=${COMP_LINE:0:COMP_POINT} words=() token='' odd='' bare line lines value i
    # COMP_WORDS is split where bash breaks words, at colons and equal signs too: what no blank parts is put together.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        bare=${rest#"${rest%%[![:space:]]*}"}
        [[ $i -eq 0 || ${#bare} -lt ${#rest} ]] && words+=('')
        token=${bare:0:${#COMP_WORDS[i]}}
        rest=${bare:${#token}}
        words[-1]+=$token
    done
    # All but the last piece stays where it is on the line.
    [[ $token == [=:]* ]] && token=
    # shellcheck disable=SC2295 # no pattern
    local cut=${words[-1]%"$token"}
    COMPREPLY=()
    # Neither a process nor a file besides: there may be no /proc and no /tmp.
    set -f
    IFS=$'\n'
    # shellcheck disable=SC2207 # lines, and no patterns by -f
    lines=($(command kmod complete --quoted "${words[@]}" 2>/dev/null))
    for line in "${lines[@]}"; do
        value=${line%%$'\t'*}
        COMPREPLY+=("${value#"$cut"}")
        [[ $value == *[!A-Za-z0-9_.,:+@%=/~-]* ]] && odd=1
    done
    # Readline quotes them then, and puts the slash behind a directory itself.
    [[ $odd ]] && compopt -o filenames 2>/dev/null && COMPREPLY=("${COMPREPLY[@]%/}")
    [[ ${#COMPREPLY[@]} -eq 1 && $value == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _kmod_tools kmod modprobe depmod modinfo lsmod insmod rmmod
