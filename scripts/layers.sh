# shellcheck shell=bash
# Debian root file systems as layers. A layer contains the changes on top of other layers, so that the copy for a run
# needs only the space that the run writes. This file is sourced. Needs root. No mounts remain, since they end with
# the mount namespace of the command.

# in_layers DIR LAYERS COMMAND...: runs the command, which may be an exported function of the caller, with a root
# mounted at $MERGED that consists of LAYERS (a:b:c, uppermost first). Writes go to DIR/upper.
in_layers() {
    local dir=$1 layers=$2
    shift 2
    mkdir -p "$dir/upper" "$dir/work" "$dir/merged"
    export MERGED=$dir/merged
    # shellcheck disable=SC2016 # for the inner shell
    as_root unshare --mount --pid --fork --kill-child bash -c '
        set -euo pipefail
        # Overlays may be unavailable in a container, or cannot be stacked. Each layer is then a complete copy of the
        # one below.
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

# Runs a command inside the root, for use within in_layers. The command sees neither the host's environment nor its
# files.
inside() {
    chroot "$MERGED" /usr/bin/env -i HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+http_proxy="$http_proxy"} "$@"
}
export -f inside
