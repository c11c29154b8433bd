#!/usr/bin/env bash
# No object of a test, an example or a benchmark is left behind.
#
# .ci/run notes what was there before; alone, this looks for the names that tests make.
set -euo pipefail
cd "$(dirname "$0")/.."

objects() { find /dev/shm /dev/mqueue -mindepth 1 -maxdepth 1 -printf '%p\n' 2>/dev/null | sort; }

before="${POSIX_IPC_OBJECTS_BEFORE:-/dev/null}"
if [ "${1:-}" = --note ]; then
    objects
    exit 0
fi
# iceoryx2, a peer in the benchmarks, keeps files of its own.
left=$(objects | comm -13 "$before" - | grep -E '/(sem\.)?(pit|doc|readme|guide|bench|pipc|soak|tmp\.posix-ipc)-' || true)
[ -z "$left" ] || { echo "left behind:"; echo "$left"; exit 1; }
