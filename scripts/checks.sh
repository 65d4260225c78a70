# shellcheck shell=bash
# The checks that scripts/check and scripts/test have in common. Each runs in $REPO and needs only a Rust toolchain.
# Sourced, never run.

# The fuzz targets are a workspace of their own.
check_format() {
    cargo fmt --all --check
    cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
}

# The targets that `cargo test` builds; tests/vm is not one of them.
check_clippy() { cargo clippy --workspace --all-targets --locked -- -D warnings; }

check_tests() { cargo test --workspace --locked; }

# The tests that need no lab: unit tests of library and program, and the architecture. With --workspace, as above, Cargo
# reuses what it builds for check_tests. Some unit tests do more where there is a lab; here they never do.
check_units() { OXMOD_LAB=/nonexistent cargo test --workspace --locked --quiet --lib --bins --test architecture; }
