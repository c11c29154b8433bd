#!/usr/bin/env bash
# The test suite in release, where optimisations may show what debug hides.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests run the examples, which a choice of targets leaves out.
cargo build --workspace --release --examples
cargo test --workspace --release --no-fail-fast --lib --bins --tests
