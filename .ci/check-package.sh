#!/usr/bin/env bash
# Each crate makes a package that builds by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

# Cargo keeps what it unpacked from a registry, and what it built of it, by name and version alone. The packages of an
# earlier commit have the same, so these go to a registry that no earlier run can have seen.
mkdir -p target
fresh=$(mktemp -d "$PWD/target/package-XXXXXX")
clean() {
    rm -rf "$fresh" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/posix-ipc{,-sys,-typed,-typed-derive,-cli}-[0-9]*
}
trap clean EXIT

# Each is unpacked and built against the others' packages, as it would be from the registry.
cargo package --quiet --workspace --exclude posix-ipc-benches --exclude testutil --exclude pages --exclude soak \
    --allow-dirty --target-dir "$fresh"
