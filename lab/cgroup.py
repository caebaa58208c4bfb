"""Control groups: each host's own, by which all of its processes are found and ended."""

import errno
import os
import signal
from collections.abc import Iterable
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
    for folder, _, _ in os.walk(group):
        try:
            found |= {int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()}
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENODEV}:  # a group may go while we look
                raise
    return found


def kill(groups: Iterable[Path]) -> set[int]:
    """Kill what runs in the groups; return what there was."""
    alive = set().union(*(members(group) for group in groups))
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return alive


def end(groups: list[Path], name: str) -> None:
    """Kill until nothing runs in the groups, and take them away."""
    for _ in poll(10):
        alive = kill(groups)
        if not alive:
            break
    else:
        raise LabError(f"{name} cannot be stopped: processes {sorted(alive)} do not end")
    for group in groups:
        remove(group)


def remove(group: Path) -> None:
    """Remove a group without processes, with the groups below it."""
    for folder, _, _ in os.walk(group, topdown=False):
        for _ in poll(5):
            try:
                Path(folder).rmdir()
                break
            except OSError as error:
                if error.errno != errno.EBUSY:  # the last process is on its way out
                    raise
        else:
            raise LabError(f"{folder} does not get empty: something still runs in it")
