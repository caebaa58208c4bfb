#!/bin/sh
# Makes .venv exactly what requirements.txt says, on a machine with Python 3.11 or newer.
set -eu
cd "$(dirname "$0")"

./need.sh python3:python3 git:git ssh:openssh-client
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; this is $(python3 --version)" >&2
    exit 2
fi
# Debian keeps what makes virtual environments in a package of its own, which has no command.
if ! python3 -c 'import ensurepip' 2>/dev/null; then
    ./need.sh no-such-command:python3-venv
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
# uv itself comes from the same lock: its entry is the part of the file that pip can use on its own.
sed -n '/^uv==/,/[^\\]$/p' requirements.txt >.venv/uv.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
.venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.txt
# How `git diff` shows secrets files: .gitattributes names the driver, but git takes its command from here alone.
if git rev-parse --git-dir >/dev/null 2>&1; then
    git config diff.age.textconv '.venv/bin/python -m stack.textconv'
fi
touch .venv/complete
