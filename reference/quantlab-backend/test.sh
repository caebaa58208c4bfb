#!/bin/sh
# Installs what the lock files say and runs all tests of the backend; `test.sh marks` runs the two that take
# minutes: 50 kills of the collector, and the replay of a day of 5 million updates.
# Needs node, npm, python3 with venv, chromium-headless-shell, and rclone (on PATH or as RCLONE_BIN), whose S3
# server the tests talk to. What is installed for python is kept in .test/ until its lock file changes.
set -eu
cd "$(dirname "$0")"

rclone=${RCLONE_BIN:-rclone}
command -v "$rclone" >/dev/null || { echo "test.sh: rclone is not on PATH; set RCLONE_BIN" >&2; exit 1; }

lock=$(sha256sum collector/requirements.txt | cut -c1-12)
PYTHON=$PWD/.test/venv-$lock/bin/python
if ! [ -e ".test/venv-$lock/ready" ]; then
    rm -rf .test
    python3 -m venv ".test/venv-$lock"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r collector/requirements.txt
    touch ".test/venv-$lock/ready"
fi
export PYTHON

for folder in core services/*/; do
    (cd "$folder" && npm ci --silent)
done

if [ "${1:-}" = marks ]; then
    "$PYTHON" collector/tests/loss.py --kills 50
    exec node bench/replay.js
fi
(cd collector/tests && timeout 300 "$PYTHON" -m unittest)
timeout 600 node --test tests/*.test.js
