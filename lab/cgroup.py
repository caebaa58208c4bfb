"""Control groups: each host's own, by which all of its processes are found and ended."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from lab.errors import LabError
from lab.shell import poll

# The layouts that systemd knows: both of a hybrid machine, or the one of a unified machine.
_TREES = ("systemd", "unified", ".")


def trees(root: Path = Path("/sys/fs/cgroup")) -> list[Path]:
    """Where systemd keeps its groups on this machine."""
    return [root / tree for tree in _TREES if (root / tree / "cgroup.procs").exists()]


def members(group: Path) -> set[int]:
    """Every process in the group and the groups below it."""
    found: set[int] = set()
    for file in group.glob("**/cgroup.procs"):
        with suppress(FileNotFoundError, OSError):  # a group may go while we look
            found |= {int(pid) for pid in file.read_text().split()}
    return found - {0}


def end(groups: list[Path], name: str) -> None:
    """Kill what still runs in the groups and take them away."""
    for _ in poll(10):
        alive = set().union(*(members(group) for group in groups))
        if not alive:
            break
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    else:
        raise LabError(f"{name} cannot be stopped: processes {sorted(alive)} do not end")
    for group in groups:
        remove(group)


def remove(group: Path) -> None:
    """Remove an empty group with the groups below it."""
    if group.exists():
        folders = [path for path in group.glob("**/") if path.is_dir()]
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            folder.rmdir()
