#!/usr/bin/env bash
# Installs and mounts what the checks need beyond Rust, gcc and CPython.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need g++ g++
need strace strace
need valgrind valgrind
need tmux tmux
need setpriv util-linux
python3 -m venv --help >/dev/null 2>&1 || packages+=(python3-venv)
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'int main(void) { return 0; }' > "$probe/probe.c"
if [ ${#packages[@]} -gt 0 ]; then
    echo "installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# Some architectures have no second word size, and no such package: tests of 32 bits then say that they are skipped.
if ! gcc -m32 -o "$probe/probe" "$probe/probe.c" 2>/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-multilib >/dev/null \
        || echo "there is no gcc-multilib here"
fi

if ! grep -q ' /dev/mqueue mqueue ' /proc/mounts; then
    as_root mkdir -p /dev/mqueue
    as_root mount -t mqueue none /dev/mqueue
fi

.ci/setup-python.sh

rustup component add rustfmt clippy >/dev/null 2>&1 || cargo fmt --version >/dev/null
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
