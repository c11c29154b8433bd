#!/usr/bin/env bash
# Formatting, clippy on both back ends, and the rules that a grep can keep.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --quiet --workspace --exclude posix-ipc-benches --all-targets --all-features -- -D warnings
# The feature of the benchmarks needs libclang, which nothing else here does.
cargo clippy --quiet -p posix-ipc-benches --all-targets -- -D warnings
RUSTFLAGS="--cfg posix_ipc_use_libc" cargo clippy --quiet --target-dir target/libc \
    -p posix-ipc-sys -p posix-ipc -p posix-ipc-typed --all-targets --all-features -- -D warnings

fail=0
complain() { echo "style: $1"; fail=1; }
while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 600 ] || complain "$file has $lines lines, over 600: split it"
done < <(git ls-files "*.rs" | xargs wc -l)
for file in $(git ls-files "crates/*/src/*.rs" "benches/*.rs" "fuzz/fuzz_targets/*.rs"); do
    head -1 "$file" | grep -qE "^(//!|#!\[)" || complain "$file does not open with //! saying what it owns"
done
rows=$(git grep -nE "todo!\(|unimplemented!\(|#\[ignore|assert!\(true\)|\`\`\`(ignore|rust,ignore)" -- "*.rs" "*.md" || true)
[ -z "$rows" ] || complain "stubs, ignored tests or examples: $rows"
rows=$(git grep -nE "thread::sleep" -- "crates/*/tests/*" || true)
[ -z "$rows" ] || complain "sleeps in tests (use a handshake): $rows"
exit $fail
