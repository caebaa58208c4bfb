"""What is under way on this host: an activation that nobody has confirmed yet, and its dead-man switch.

The marker is on disk before the first change and gone after the last gate. While it is there, a timer
of systemd counts down; whoever leads the deploy winds it up with each step. If it runs out, or the host
restarts, the host goes back to `from` by itself.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from common import STATE, Failed, read_json, run, write

MARKER = STATE / "pending.json"
RESERVE = STATE / "reserve"  # given free when the way back must be recorded on a full disk
TIMER = "quantlab-deadman.timer"
# As the first process sees it: the /proc of a unit's sandbox is another, which tells in a container the
# id of the machine's boot instead.
BOOT = Path("/proc/1/root/proc/sys/kernel/random/boot_id")


def uptime() -> float:
    """Seconds since the host started, on systemd's clock. Nobody who sets the time can stretch a wait."""
    return time.monotonic()


def boot() -> str:
    return BOOT.read_text().strip()


def read() -> dict[str, Any] | None:
    marker: dict[str, Any] | None = read_json(MARKER, None)
    return marker


def save(marker: dict[str, Any]) -> None:
    write(MARKER, json.dumps(marker), 0o600)


def reserve() -> None:
    """Set a little of the disk aside before the first change. Raises OSError when even that is not there."""
    with RESERVE.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)


def spend() -> None:
    RESERVE.unlink(missing_ok=True)


def clear() -> None:
    """Everything is as it should be: no marker, no countdown."""
    spend()
    MARKER.unlink(missing_ok=True)
    stop()


def stop() -> None:
    run(["systemctl", "stop", TIMER], what="dead-man switch", timeout=30)


def wind(marker: dict[str, Any]) -> None:
    """Start the countdown anew. A first deploy has nothing to go back to, so nothing to count down to."""
    if marker["from"] or "gave_up" in marker:
        marker["deadline"] = uptime() + marker["revert_after"]
        save(marker)
        run(["systemctl", "restart", TIMER], what="dead-man switch", timeout=30)


def mine(request: dict[str, Any]) -> dict[str, Any]:
    """The activation that this request goes on with. Raises Failed when it has been given up meanwhile."""
    marker = read()
    if marker is None or marker["run"] != request["run"]["id"]:
        raise Failed(
            "this run was given up on this host meanwhile (dead-man switch, restart or rollback)\n"
            "  next: `make history` tells what happened; deploy again"
        )
    return marker
