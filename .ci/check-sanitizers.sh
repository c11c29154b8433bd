#!/usr/bin/env bash
# The tests of the copying code and of the rings under the address sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "see check-sanitizers"
