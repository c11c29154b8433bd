#!/usr/bin/env bash
# Each crate makes a package that builds by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each is unpacked and built against the others' packages, as it would be from the registry.
cargo package --quiet --workspace --exclude posix-ipc-benches --exclude testutil --exclude pages --exclude soak \
    --allow-dirty
