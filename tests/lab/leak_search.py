"""Finds secret values in texts, files and processes. Standard library only: it runs on hosts, too, sent
over stdin with what it looks for, by whoever it is started as.
"""

import base64
import json
import os
import stat
import sys
import time
import urllib.parse
from collections.abc import Iterator

BIG = 20_000_000
INSTALLED = {"node_modules", ".venv", ".git"}


def needles(values: dict[str, str]) -> dict[bytes, str]:
    """What to look for, and what it would be: each value as it is, and in the forms that tools write."""
    found = {}
    for name, value in values.items():
        raw = value.encode()
        found[raw] = name
        found[urllib.parse.quote(value, safe="").encode()] = name
        found[raw.hex().encode()] = f"{name} in hex"
        for before in range(3):  # base64 of a longer text holds one of three forms of each of its parts
            text = base64.b64encode(b"\0" * before + raw)
            found[text[(0, 2, 3)[before] : len(text) - (4 if text.endswith(b"=") else 0)]] = (
                f"{name} in base64"
            )
    return found


def within(content: bytes, sought: dict[bytes, str]) -> set[str]:
    return {name for needle, name in sought.items() if needle in content}


def read(path: str) -> bytes:
    """A file's content as far as we may read it; nothing when it is gone or not ours to see."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (these are many)
            return file.read(BIG)
    except OSError:
        return b""


def files(folders: list[str], since: float) -> Iterator[str]:
    """Regular files that were changed since then, apart from what npm, pip and git keep."""
    for folder in folders:
        for place, below, names in os.walk(folder):
            below[:] = [name for name in below if name not in INSTALLED]
            for name in names:
                path = os.path.join(place, name)  # noqa: PTH118
                try:
                    found = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISREG(found.st_mode) and max(found.st_mtime, found.st_ctime) >= since:
                    yield path


def processes(kinds: tuple[str, ...], only: set[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """The command line and environment of every process, as far as we may see them."""
    for pid in os.listdir("/proc"):  # noqa: PTH208
        if pid.isdecimal() and (only is None or pid in only):
            for kind in kinds:
                yield kind, read(f"/proc/{pid}/{kind}")


def search(request: dict) -> dict:  # type: ignore[type-arg]
    """As root, once: which files hold what, with mode and owner."""
    sought = needles(request["values"])
    found = {}
    for path in files(request["folders"], request["since"]):
        if names := within(read(path), sought):
            held = os.lstat(path)
            found[path] = [f"{held.st_mode & 0o7777:04o} {held.st_uid}:{held.st_gid}", *sorted(names)]
    lines = b"\n".join(content for _, content in processes(("cmdline",)))
    return {"files": found, "cmdline": sorted(within(lines, sought))}


def watch(request: dict) -> dict:  # type: ignore[type-arg]
    """As anybody, over and over until the file `request["until"]` is there, and once more: what is seen."""
    sought, ended = needles(request["values"]), False
    found, seen, turns = set(), set(), 0
    while not ended:
        ended = os.path.exists(request["until"])  # noqa: PTH110
        for kind, content in processes(("cmdline", "environ")):
            seen.add(hash(content))
            found |= {f"{name} in a process's {kind}" for name in within(content, sought)}
        if ended or turns % 10 == 0:
            for path in files(request["folders"], request["since"]):
                found |= {f"{name} in {path}" for name in within(read(path), sought)}
        turns += 1
        time.sleep(0.02)
    return {"found": sorted(found), "turns": turns, "processes": len(seen)}


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    print(json.dumps({"search": search, "watch": watch}[asked["do"]](asked)))
