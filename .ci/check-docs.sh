#!/usr/bin/env bash
# Documentation without warnings, and without broken links between its pages.
set -euo pipefail
cd "$(dirname "$0")/.."

RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --all-features \
    -p posix-ipc-sys -p posix-ipc -p posix-ipc-typed -p posix-ipc-typed-derive -p posix-ipc-cli
python3 .ci/links.py
