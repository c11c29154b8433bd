#!/usr/bin/env bash
# Memory, queues and rings under the address and leak sanitizers, and the copying code under the
# thread sanitizer, on nightly.
#
#   .ci/check-sanitizers.sh                     what the gate runs
#   .ci/check-sanitizers.sh PACKAGE [ARGS...]   cargo test -p PACKAGE ARGS, under both
#
# The sanitizers don't see inline assembly: bulk copies go the portable way here. The standard
# library is not instrumented: the thread sanitizer runs only tests whose threads meet in `join`,
# which it knows, and in our own atomics; channels, mutexes and scopes would be false alarms.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/nightly.sh

target=x86_64-unknown-linux-gnu
# A test wants the SIGBUS that it documents.
asan=detect_stack_use_after_return=1:handle_sigbus=0
export ASAN_OPTIONS=$asan:detect_leaks=1
export LSAN_OPTIONS=suppressions=$PWD/.ci/lsan-suppressions.txt:print_suppressions=0
export TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/.ci/tsan-suppressions.txt

under() {
    local sanitizer=$1
    shift
    echo "$sanitizer sanitizer: cargo test $*"
    RUSTFLAGS="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer --cfg posix_ipc_portable_copy" \
        nightly test --quiet --target "$target" --target-dir "target/$sanitizer" "$@"
}

if [ $# -gt 0 ]; then
    package=$1
    shift
    under address -p "$package" "$@"
    under thread -p "$package" "$@"
    exit
fi

# Whole suites, in all processes of a test, but for the longest ones, and one that goes on until a receiver
# is fast, which is seldom with these copies. Leaks are looked for where no process
# ends in the middle of its threads: what these hold then would be false alarms.
under address -p posix-ipc --lib --test mq --test ring -- --skip crash:: --skip million --skip churn --skip is_a_data_race \
    --skip a_receiver_that_is_fast_enough
ASAN_OPTIONS=$asan:detect_leaks=0 \
    under address -p posix-ipc --test shm -- --skip faults:: --skip million --skip churn
under thread -p posix-ipc --lib shm::copy::tests::copies_at_the_same_time

# A race that is one must be reported, or all of the above says nothing.
report=$(under thread -p posix-ipc --lib shm::copy::tests::a_plain_copy_is_a_data_race 2>&1 || true)
if ! grep -q "ThreadSanitizer: data race" <<<"$report"; then
    echo "the thread sanitizer does not see a data race:"
    echo "$report"
    exit 1
fi
