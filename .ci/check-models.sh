#!/usr/bin/env bash
# The loom models: the shipped algorithms under every interleaving.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg posix_ipc_loom" LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-2}"
exec cargo test --target-dir target/loom --release -p posix-ipc-sys -p posix-ipc --lib model
