#!/usr/bin/env bash
# The main job of the README, on real processes.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo run --release -- demo
