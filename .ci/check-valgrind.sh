#!/usr/bin/env bash
# Tests with several processes under valgrind: no access outside what is allocated or mapped, and no decision
# on what was never written, in any of the processes.
set -euo pipefail
cd "$(dirname "$0")/.."

# rustix reads the kernel's own table of the process, which is wrong under valgrind, but for its libc back end.
export RUSTFLAGS="--cfg rustix_use_libc" CARGO_TARGET_DIR=target/valgrind
mkdir -p "$CARGO_TARGET_DIR"
command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 1; }
cargo test --quiet -p posix-ipc --tests --no-run --message-format=json 2>/dev/null \
    | python3 -c 'import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and "test" in made["target"]["kind"]:
        print(made["target"]["name"], made["executable"])' > target/valgrind/binaries

fail=0
run() {
    local binary log="target/valgrind/$1.log"
    binary=$(awk -v name="$1" '$1 == name { print $2 }' target/valgrind/binaries)
    [ -n "$binary" ] || { echo "valgrind: no test binary $1"; fail=1; return; }
    if timeout 600 valgrind --quiet --error-exitcode=9 --trace-children=yes --trace-children-skip='*/python3*' \
        --fair-sched=yes "$binary" --test-threads=1 "${@:2}" > "$log" 2>&1 \
        && ! grep -q "^==[0-9]*== [A-Z]" "$log"; then
        echo "valgrind $1: $(grep -oE "[0-9]+ passed" "$log" | head -1)"
    else
        tail -40 "$log"
        echo "valgrind $1: FAILED"
        fail=1
    fi
}
run shm processes::bytes_and_atomics values:: shared_box:: mapping::
run ring cross_process::a_dialogue cross_process::a_blocked spsc:: mpmc::
run mq open:: send:: receive::
run sem open:: permits:: wait:: processes::
exit $fail
