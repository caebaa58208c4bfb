"""Detached processes, found again by id and start time: a reused id is never mistaken for ours."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab import keeper
from lab.errors import LabError
from lab.shell import poll


def running(record: Path) -> int | None:
    """The id of the process that wrote this record, if it still is that process."""
    try:
        pid, started = record.read_text().split()
        same = keeper.start_time(int(pid)) == started
        return int(pid) if same and not _ended(int(pid)) else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def start(
    record: Path,
    command: Sequence[str],
    *,
    log: Path,
    again: str = "-",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Hand a command to a keeper of its own session; return when the keeper has signed in."""
    record.unlink(missing_ok=True)
    # -I keeps this folder off the import path; -S spares a hundred keepers what they never use.
    keep = [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(record), again]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*keep, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=env,
            cwd=cwd or Path("/"),
        )
    for _ in poll(10):
        if record.exists():
            return
        if child.poll() is not None:
            break
    raise LabError(f"the keeper of {record.stem} did not start: {tail(log)}")


def stop(record: Path, *, orderly: bool, seconds: float = 30) -> None:
    """End a keeper and what it keeps; afterwards neither runs."""
    pid = running(record)
    if pid is not None:
        _send(pid, signal.SIGTERM if orderly else signal.SIGINT)
        for _ in poll(seconds):
            if running(record) is None:
                break
        else:
            _send(pid, signal.SIGKILL)
    record.unlink(missing_ok=True)


def tail(log: Path, lines: int = 3) -> str:
    """The last words of a log, on one line."""
    if not log.exists():
        return "it left no log"
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", log.read_text(errors="replace"))
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(said[-lines:]) if said else "it said nothing"


def _send(pid: int, number: int) -> None:
    # It may end by itself between the look and the signal: that is what the signal is for.
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _ended(pid: int) -> bool:
    """A zombie: over, but not yet collected by its parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
