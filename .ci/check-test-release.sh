#!/usr/bin/env bash
# The test suite in release, where optimisations may show what debug hides.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo test --workspace --release --lib --bins --tests --examples
