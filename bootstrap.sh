#!/bin/sh
# Makes .venv exactly what requirements.txt says. Needs nothing but a Debian or another machine with
# Python 3.11 or newer, git and ssh; on Debian it installs what of these is missing.
set -eu
cd "$(dirname "$0")"

missing=""
python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || missing="python3 python3-venv"
command -v git >/dev/null || missing="$missing git"
command -v ssh >/dev/null || missing="$missing openssh-client"
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "bootstrap: install these first: $missing (Python 3.11 or newer)" >&2
        exit 2
    fi
    root=""
    [ "$(id -u)" = 0 ] || root=sudo
    echo "bootstrap: installing $missing"
    $root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
# uv itself comes from the same lock: its entry is the part of the file that pip can use on its own.
sed -n '/^uv==/,/[^\\]$/p' requirements.txt >.venv/uv.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.txt
touch .venv/complete
