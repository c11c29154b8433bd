#!/usr/bin/env bash
# The test suite on the C library as back end, in debug and in release.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg posix_ipc_use_libc" RUSTDOCFLAGS="--cfg posix_ipc_use_libc"
export CARGO_TARGET_DIR=$PWD/target/libc
cargo test --no-fail-fast -p posix-ipc-sys -p posix-ipc -p posix-ipc-typed -p posix-ipc-cli
# Tests run the examples, which a choice of targets leaves out.
cargo build --release -p posix-ipc --examples
cargo test --no-fail-fast --release -p posix-ipc-sys -p posix-ipc --tests
