"""Runs one command and says what it cost the controller: seconds, processor time, memory at its peak."""

import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_SHARE = 20  # a look at the memory may take a twentieth of the time at most


@dataclass(frozen=True)
class Cost:
    """One run of a contender, as its operator pays for it."""

    code: int
    output: str
    seconds: float
    cpu: float  # user and system time of every process that it started
    memory: float  # MB that all of them held together, at the peak


@contextmanager
def _orphans() -> Iterator[None]:
    """What a contender leaves behind (ssh's masters do) becomes our child: it is ended and counted, too.

    Only as long as one runs: the lab's hosts are started by a command that ends before them, too.
    """
    _adopt(1)
    try:
        yield
    finally:
        _end_orphans()
        _adopt(0)


def _adopt(switch: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, switch, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def measured(command: list[str], cwd: Path, env: dict[str, str]) -> Cost:
    """Run to the end. Nothing of the run outlives it, so that each run pays for its own connections."""
    begin, before = time.monotonic(), _used()
    with _orphans():
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        peak = _Peak()
        peak.start()
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()), daemon=True)
        reader.start()
        code = child.wait()
        seconds = time.monotonic() - begin
        peak.end()
    reader.join(5)
    return Cost(code, "".join(lines), seconds, _used() - before, peak.megabytes)


def _used() -> float:
    """Processor time of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _end_orphans() -> None:
    for pid in descendants(os.getpid()):
        os.kill(pid, signal.SIGTERM)
    while True:  # every orphan is our child by now, or will be once its parent has ended
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def parents() -> Iterator[tuple[int, int]]:
    """Each process of this machine, with its parent."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            stat = (place / "stat").read_text()
        except OSError:
            continue  # it ended
        yield int(place.name), int(stat.rpartition(")")[2].split()[1])


def descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def held(pid: int) -> float:
    """MB of a process; what it shares with others counts for its part."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


class _Peak(threading.Thread):
    """Looks at the memory of all children, as often as it may without disturbing them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.megabytes = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        wait = 0.1
        while not self._ended.wait(wait):
            begin = time.thread_time()
            self.megabytes = max(self.megabytes, sum(held(pid) for pid in descendants(os.getpid())))
            wait = max(0.1, _SHARE * (time.thread_time() - begin))

    def end(self) -> None:
        self._ended.set()
        self.join()
