#!/bin/sh
# need.sh COMMAND:PACKAGE … installs, on Debian, the packages whose command is missing; else names them.
set -eu
missing=""
for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "missing on this machine:$missing" >&2
    exit 2
fi
root=""
[ "$(id -u)" = 0 ] || root=sudo
echo "installing$missing"
$root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
