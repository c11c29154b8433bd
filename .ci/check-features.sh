#!/usr/bin/env bash
# Each crate with no feature, with each alone, and with all together.
set -euo pipefail
cd "$(dirname "$0")/.."

for crate in posix-ipc-sys posix-ipc posix-ipc-typed; do
    features=$(cargo metadata --quiet --no-deps --format-version 1 | python3 -c "
import json, sys
package = next(p for p in json.load(sys.stdin)[\"packages\"] if p[\"name\"] == \"$crate\")
print(*package[\"features\"])")
    echo "$crate: none"
    cargo clippy --quiet -p "$crate" --no-default-features -- -D warnings
    for feature in $features; do
        echo "$crate: $feature"
        cargo clippy --quiet -p "$crate" --no-default-features --features "$feature" -- -D warnings
    done
done
# Without std, the crates that say so need no std: seen by a target-independent lint of the compiler.
grep -q "^#!\[no_std\]\|^#!\[cfg_attr(not(.*), no_std)\]" crates/posix-ipc-sys/src/lib.rs
