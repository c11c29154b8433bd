#!/usr/bin/env bash
# Each crate makes a package that builds by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo package --quiet --workspace --exclude posix-ipc-benches --exclude testutil --exclude pages --exclude soak --allow-dirty --no-verify
cargo package --quiet -p posix-ipc-sys --allow-dirty
