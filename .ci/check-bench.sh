#!/usr/bin/env bash
# Each benchmark once, for its result and not for its time.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo bench -- --test
