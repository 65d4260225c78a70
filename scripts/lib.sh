# shellcheck shell=bash
# What the scripts share: where things are, how they speak, how they get root's help.
# Sourced, never run. Owns no step of its own.

# shellcheck disable=SC2034 # read by those who source this
REPO=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${OXMOD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oxmod}
# shellcheck disable=SC2034
LAB=${OXMOD_LAB:-$CACHE/lab}
PROGRAM=$(basename "$0")

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }

die() {
    printf '%s: error: %s\n' "$PROGRAM" "$*" >&2
    exit 1
}

# Whether a command can be run, or a /path is there.
have() { case $1 in /*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null 2>&1 ;; esac; }

# Runs a command as root: as it is, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        return 127
    fi
}

# need COMMAND=PACKAGE...: installs the Debian package of each command (or /path) that is missing.
need() {
    local pair missing=()
    for pair in "$@"; do
        have "${pair%%=*}" || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    have apt-get || die "missing: ${missing[*]} (no apt-get here; install them by hand)"
    say "installing ${missing[*]}"
    # An old package list names files the archive no longer has, so it is renewed first.
    as_root apt-get update -qq >&2 || say "apt-get update failed; going on with the lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        die "could not install ${missing[*]} (run as root or with sudo)"
}

# copy_sources DIR: as a tarball has them, without the repository and without what was built.
copy_sources() {
    sed 's|^/|./|' "$REPO/.gitignore" | tar -C "$REPO" --exclude=./.git --exclude-from=- -c . | tar -C "$1" -x
}

# ---- building ----

# shellcheck disable=SC2034
TARGET=${CARGO_TARGET_DIR:-$REPO/target}
# Empty where there is no Rust: scripts/lab does without.
TRIPLE=$(rustc -vV 2>/dev/null | sed -n 's/^host: //p') || true
# shellcheck disable=SC2034
STATIC_KMOD=$TARGET/$TRIPLE/static/kmod

need_rust() {
    have cargo || die "no Rust toolchain: cargo is not on the PATH"
    need cc=build-essential
    # Cargo reaches its registry by them.
    ! have apt-get || need /etc/ssl/certs/ca-certificates.crt=ca-certificates
}

# build_release: the binary that is packed and installed, without a word of where it was built: the same sources give the
# same bytes in any directory. Sets RELEASE_KMOD. Cargo links it in $REPO, wherever it is called.
build_release() {
    local cargo=${CARGO_HOME:-$HOME/.cargo} variable flags
    variable=CFLAGS_${TRIPLE//-/_}
    flags=$(sed -n "s/^$variable = \"\(.*\)\"\$/\1/p" "$REPO/.cargo/config.toml")
    env "$variable=$flags -g0 -ffile-prefix-map=$cargo=/cargo -ffile-prefix-map=$TARGET=/target" \
        RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-Lscripts/packaging/link --remap-path-prefix=$REPO=/oxmod --remap-path-prefix=$cargo=/cargo" \
        CARGO_INCREMENTAL=0 \
        cargo build --locked --release -p oxmod-tools --bin kmod --manifest-path "$REPO/Cargo.toml" \
        --target "$TRIPLE" --target-dir "$TARGET"
    # shellcheck disable=SC2034
    RELEASE_KMOD=$TARGET/$TRIPLE/release/kmod
}

TOOLS=$CACHE/tools
export PATH="$TOOLS/bin:$PATH"

# install_tool NAME[@VERSION]: a cargo subcommand at that version or its newest, into the cache, with no time spent on
# making it fast.
install_tool() {
    local name=${1%@*}
    case $1 in
    *@*) ! grep -qs "^\"$name ${1#*@} " "$TOOLS/.crates.toml" || return 0 ;;
    *) ! have "$name" || return 0 ;;
    esac
    say "building $1 (once)"
    env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked --root "$TOOLS" "$1"
}

# link_tools DIR BINARY: DIR/modprobe and the rest, as links to the one binary.
link_tools() {
    local tool
    mkdir -p "$1"
    for tool in kmod modprobe depmod modinfo lsmod insmod rmmod; do ln -sf "$2" "$1/$tool"; done
}
