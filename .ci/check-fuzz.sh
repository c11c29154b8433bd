#!/usr/bin/env bash
# A short run of each fuzz target, two at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

. .ci/nightly.sh
seconds="${FUZZ_SECONDS:-60}"
mkdir -p target/fuzz-logs
(cd fuzz && nightly fuzz build)
one() {
    . .ci/nightly.sh
    # What is new goes to the first folder, the seeds are read from the second.
    local new="$PWD/target/fuzz-corpus/$1" seeds="$PWD/fuzz/corpus/$1"
    mkdir -p "$new"
    if ! nightly fuzz run "$1" "$new" "$seeds" -- -max_total_time="$2" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 > "target/fuzz-logs/$1.log" 2>&1; then
        tail -40 "target/fuzz-logs/$1.log"
        echo "fuzz $1 FAILED"
        return 1
    fi
    echo "fuzz $1: $(grep -oE "stat::number_of_executed_units: [0-9]+" "target/fuzz-logs/$1.log")"
}
export -f one
cargo fuzz list | xargs -P 2 -I{} bash -c "one {} $seconds"
