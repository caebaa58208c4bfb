"""Writes what the host itself needs (programs, certificates, folders) from one request on stdin.

Sent over stdin like the look: it is what installs the other programs. Each file is complete, with its
owner and mode, before it gets its name; nothing passes through /tmp.
"""

import grp
import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def ids(entry: dict[str, Any]) -> tuple[int, int]:
    return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid


class Misplaced(Exception):
    """Something of another kind stands in the way; whether it may go is the operator's to say."""


def require(path: Path, kind: str, there: bool) -> None:
    if os.path.lexists(path) and (path.is_symlink() or not there):
        raise Misplaced(f"{path} is not a {kind} of its own: move it away, then deploy again")


def put_file(path: Path, entry: dict[str, Any]) -> None:
    if path.is_dir() and not path.is_symlink():  # a link is replaced, a folder cannot be
        require(path, "file", there=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchown(descriptor, *ids(entry))
            os.fchmod(descriptor, entry["mode"])
            file.write(entry["content"])
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def put_directory(path: Path, entry: dict[str, Any]) -> None:
    require(path, "folder", path.is_dir())
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, *ids(entry))
    path.chmod(entry["mode"])


def put_log(path: Path, entry: dict[str, Any]) -> None:
    """What is in a log stays."""
    require(path, "file", path.is_file())
    if not path.exists():
        put_file(path, {**entry, "content": ""})
    os.chown(path, *ids(entry))
    path.chmod(entry["mode"])


def put(request: dict[str, Any]) -> None:
    for name, entry in request["directories"].items():
        put_directory(Path(name), entry)
    for name, entry in request["files"].items():
        put_file(Path(name), entry)
    for name, entry in request["logs"].items():
        put_log(Path(name), entry)


def main() -> int:
    request = json.loads(sys.stdin.readline())
    try:
        put(request)
    except (Misplaced, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for command in request["then"]:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-800:]}",
                file=sys.stderr,
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
