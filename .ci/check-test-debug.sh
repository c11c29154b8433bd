#!/usr/bin/env bash
# The test command of the README: every test, also those in the documentation, in debug.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo test --workspace --no-fail-fast
