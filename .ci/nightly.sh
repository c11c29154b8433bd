# Sourced: `nightly ARGS...` runs cargo with nightly features, on the nightly toolchain where
# there is one, and otherwise on the installed one.
nightly() {
    if rustup run nightly rustc --version >/dev/null 2>&1; then
        cargo +nightly "$@"
    else
        RUSTC_BOOTSTRAP=1 cargo "$@"
    fi
}
