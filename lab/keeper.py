"""Keeps one program running, detached from whoever started it. Stdlib only, run as a file.

    keeper.py RECORD AGAIN PROGRAM [ARGUMENT…]

It writes its own process id and start time to RECORD, runs PROGRAM, and runs it again if it
exits with the status AGAIN (systemd-nspawn's way to say "reboot"; `-` for never). SIGTERM is
handed on, so that a host shuts down in order; SIGINT kills, for a host whose disk is dropped.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType


def start_time(pid: int) -> str:
    """When a process started, in a form that no later process or boot can repeat."""
    # The name in parentheses may hold spaces and parentheses: fields are counted behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{fields[19]}@{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"


def register(record: Path) -> None:
    """Write who we are in one step, so that a reader never sees half of it."""
    part = record.with_suffix(".part")
    part.write_text(f"{os.getpid()} {start_time(os.getpid())}\n")
    part.replace(record)


def keep(again: str, program: list[str]) -> int:
    """Run the program until it ends for good; return its status."""
    wanted_end: int | None = None
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        nonlocal wanted_end
        wanted_end = signal.SIGKILL if number == signal.SIGINT else signal.SIGTERM
        if child is not None:
            child.send_signal(wanted_end)

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, hand_on)
    # The child dies with its keeper, even if that is killed: nothing runs that nobody watches.
    guarded = ["setpriv", "--pdeathsig", "KILL", "--", *program]
    status = 0
    while wanted_end is None:
        child = subprocess.Popen(guarded)
        if wanted_end is not None:  # asked to stop while the child was being made
            child.send_signal(wanted_end)
        status = child.wait()
        if str(status) != again:
            break
    return status


if __name__ == "__main__":
    register(Path(sys.argv[1]))
    sys.exit(keep(sys.argv[2], sys.argv[3:]))
