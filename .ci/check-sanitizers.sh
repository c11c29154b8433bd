#!/usr/bin/env bash
# The copying code and what stands on it under the address and the thread sanitizer, on nightly.
#
#   .ci/check-sanitizers.sh                     what the gate runs
#   .ci/check-sanitizers.sh PACKAGE [ARGS...]   cargo test -p PACKAGE ARGS, under both
#
# The sanitizers don't see inline assembly: bulk copies go the portable way here. The standard
# library is not instrumented: the thread sanitizer runs only tests whose threads meet in `join`,
# which it knows, and in our own atomics; channels, mutexes and scopes would be false alarms.
set -euo pipefail
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-gnu
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1
export TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/.ci/tsan-suppressions.txt

under() {
    local sanitizer=$1
    shift
    echo "$sanitizer sanitizer: cargo test $*"
    RUSTFLAGS="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer --cfg posix_ipc_portable_copy" \
        cargo +nightly test --quiet --target "$target" --target-dir "target/$sanitizer" "$@"
}

if [ $# -gt 0 ]; then
    package=$1
    shift
    under address -p "$package" "$@"
    under thread -p "$package" "$@"
    exit
fi

under address -p posix-ipc --lib shm::
under address -p posix-ipc --test shm -- mapping:: streams:: values:: options:: anonymous:: bounds:: shared_box::
under thread -p posix-ipc --lib shm::copy::tests::copies_at_the_same_time

# A race that is one must be reported, or all of the above says nothing.
report=$(under thread -p posix-ipc --lib -- --ignored shm::copy::tests::a_plain_copy_is_a_data_race 2>&1 || true)
if ! grep -q "ThreadSanitizer: data race" <<<"$report"; then
    echo "the thread sanitizer does not see a data race:"
    echo "$report"
    exit 1
fi
