#!/usr/bin/env bash
# That interop with Python and C was not skipped: what it needs is there.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/python -c "import posix_ipc, nob.ipc; print(\"posix_ipc\", posix_ipc.VERSION)"
grep -q " /dev/mqueue mqueue " /proc/mounts
gcc --version | head -1
# The interop tests once more, by name, so that none can vanish unnoticed.
cargo test --workspace --tests -- interop 2>&1 | tee target/interop.log | grep -E "^test .*interop.* ok$" | sort | uniq
count=$(grep -cE "^test .*interop.* ok$" target/interop.log)
echo "$count interop tests"
! grep -q "^test .*FAILED$" target/interop.log
[ "$count" -ge 10 ]
