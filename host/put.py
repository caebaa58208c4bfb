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


def put_file(path: Path, entry: dict[str, Any]) -> None:
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
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, *ids(entry))
    path.chmod(entry["mode"])


def main() -> int:
    request = json.loads(sys.stdin.readline())
    for name, entry in request["directories"].items():
        put_directory(Path(name), entry)
    for name, entry in request["files"].items():
        put_file(Path(name), entry)
    for name, entry in request["logs"].items():
        if not Path(name).exists():
            put_file(Path(name), {**entry, "content": ""})
        os.chown(name, *ids(entry))
        Path(name).chmod(entry["mode"])
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
