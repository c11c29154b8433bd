#!/usr/bin/env bash
# Who may use whom: see CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "$0")/.."

fail=0
complain() { echo "layers: $1"; fail=1; }

# 1. typed -> posix-ipc -> posix-ipc-sys -> rustix, libc; no type of libc in a public signature.
uses() { cargo metadata --quiet --no-deps --format-version 1 | python3 -c "
import json, sys
package = next(p for p in json.load(sys.stdin)[\"packages\"] if p[\"name\"] == \"$1\")
print(\" \".join(d[\"name\"] for d in package[\"dependencies\"] if d[\"kind\"] is None))"; }
forbid() { for crate in $2; do [[ " $(uses "$1") " != *" $crate "* ]] || complain "$1 may not depend on $crate"; done; }
forbid posix-ipc-sys "posix-ipc posix-ipc-typed testutil"
forbid posix-ipc "posix-ipc-typed testutil"
forbid posix-ipc-typed "posix-ipc-sys rustix libc testutil"
forbid posix-ipc-cli "posix-ipc-sys testutil"
rows=$(git grep -nE "^ *pub (const |unsafe )*(fn|struct|type|static|const|use) .*\b(libc|linux_raw_sys)::" -- "crates/*/src" || true)
[ -z "$rows" ] || complain "a type of libc in a public signature: $rows"

# 2. Families of posix-ipc do not import one another; back ends do not call each other.
for family in sem shm mq; do
    others=$(printf "%s\n" sem shm mq ring | grep -vx "$family" | paste -sd"|")
    rows=$(git grep -nE "crate::($others)(::|;|\b)" -- "crates/posix-ipc/src/$family" | grep -vE "//[/!]" || true)
    [ -z "$rows" ] || complain "$family imports another family: $rows"
done
rows=$(git grep -nE "backend::libc|super::libc::" -- crates/posix-ipc-sys/src/backend/linux || true)
[ -z "$rows" ] || complain "the linux back end names the other one: $rows"
rows=$(git grep -nE "backend::linux|super::linux::" -- crates/posix-ipc-sys/src/backend/libc || true)
[ -z "$rows" ] || complain "the libc back end names the other one: $rows"
# Semaphores alone may pick at run time: glibc's layout is a choice where the C library is another.
rows=$(git grep -nE "backend::(linux|libc)" -- crates/posix-ipc-sys/src | grep -vE "src/(backend|sem)/" || true)
[ -z "$rows" ] || complain "a back end is named outside backend/ and sem/: $rows"

# 3. unsafe only where it may be.
rows=$(git grep -nE "\bunsafe (fn|impl|trait|extern|\{)" -- "crates/posix-ipc/src/*.rs" "crates/posix-ipc-typed*/src/*.rs" "crates/posix-ipc-cli/src/*.rs" \
    | grep -vE "^crates/posix-ipc/src/(shm|ring)/|unsafe_code|//" || true)
[ -z "$rows" ] || complain "unsafe outside posix-ipc-sys, shm/ and ring/: $rows"
exit $fail
