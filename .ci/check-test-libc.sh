#!/usr/bin/env bash
# The test suite on the C library as back end, in debug and in release.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg posix_ipc_use_libc" RUSTDOCFLAGS="--cfg posix_ipc_use_libc"
cargo test --no-fail-fast --target-dir target/libc -p posix-ipc-sys -p posix-ipc -p posix-ipc-typed -p posix-ipc-cli
cargo test --no-fail-fast --target-dir target/libc --release -p posix-ipc-sys -p posix-ipc --tests
