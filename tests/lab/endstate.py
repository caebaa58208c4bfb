"""In what state a host has ended, seen by another route than the deploy's: ssh and a few lines of python.

A host is whole when every file, unit and process is that of one and the same release, and all are healthy.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from tests.lab.machines import ROOT, Machine

LOOK = (ROOT / "tests" / "lab" / "look_other.py").read_text()


@dataclass(frozen=True)
class End:
    """What `LOOK` found."""

    live: str
    commit: str | None
    faults: list[str]
    last: dict[str, Any]
    pending: dict[str, Any] | None
    lock: dict[str, Any] | None
    timer: str
    busy: list[str]
    good: list[str]

    @property
    def whole(self) -> bool:
        return not self.faults and self.pending is None and self.timer == "inactive"


def seen(host: Machine) -> End:
    return End(**json.loads(host.sh(f"python3 - <<'LOOK'\n{LOOK}\nLOOK")))


def recovered(host: Machine, seconds: float = 30) -> End:
    """The state of a host whose services may still find back to what was away for a while."""
    end = time.monotonic() + seconds
    while not (found := seen(host)).whole and time.monotonic() < end:
        time.sleep(1)
    return found


def settled(host: Machine, seconds: float = 90) -> End:
    """The state in which the host stays: nothing is under way any more, or time is up."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = seen(host)
        except (AssertionError, ValueError):  # the host is restarting, or cut off
            found = None
        if found and found.pending is None and "activating" not in found.busy:
            return found
        if time.monotonic() > end:
            assert found, f"{host.name} does not answer"
            return found
        time.sleep(1)
