#!/usr/bin/env bash
# No object of a test is left behind.
set -euo pipefail
cd "$(dirname "$0")/.."

left=$(ls /dev/shm /dev/mqueue 2>/dev/null | grep -E "(^|sem\.)pit-" || true)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
