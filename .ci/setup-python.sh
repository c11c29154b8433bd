#!/usr/bin/env bash
# Makes .venv with the Python modules that the interop tests talk to.
set -euo pipefail
cd "$(dirname "$0")/.."
if .venv/bin/python -c 'import posix_ipc, nob.ipc' 2>/dev/null; then
    exit 0
fi
rm -rf .venv
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check 'posix_ipc==1.3.2' 'nob.py[ipc]==1.6.3'
.venv/bin/python -c 'import posix_ipc, nob.ipc'
