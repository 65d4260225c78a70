# shellcheck shell=bash
# Roots of Debian as layers: each is what was changed on top of others, so that a run's copy costs what it writes.
# Sourced, never run; needs root. Nothing stays mounted: the mounts end with the namespace of the command.

# in_layers DIR LAYERS COMMAND...: runs the command, a function of the caller's too if exported, with a root ready at
# $MERGED that shows LAYERS (a:b:c, the uppermost first) and takes what is written into DIR/upper.
in_layers() {
    local dir=$1 layers=$2
    shift 2
    mkdir -p "$dir/upper" "$dir/work" "$dir/merged"
    export MERGED=$dir/merged
    # shellcheck disable=SC2016 # for the inner shell
    as_root unshare --mount --pid --fork --kill-child bash -c '
        set -euo pipefail
        # A container may have no overlays, nor an overlay another on top: there each is a whole copy of the one below.
        if ! mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$MERGED" 2>/dev/null; then
            [ -n "$(ls -A "$1/upper")" ] || cp -a "${2%%:*}/." "$1/upper"
            mount --bind "$1/upper" "$MERGED"
        fi
        mount -t proc proc "$MERGED/proc"
        mount -t sysfs -o ro sysfs "$MERGED/sys"
        mount --bind /dev "$MERGED/dev"
        shift 2
        "$@"' bash "$dir" "$layers" "$@"
}

# What in_layers is asked to run for a command inside the root: it sees neither the host's environment nor its files.
inside() {
    chroot "$MERGED" /usr/bin/env -i HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+http_proxy="$http_proxy"} "$@"
}
export -f inside
