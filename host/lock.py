"""One deploy at a time per host, whoever starts it and from wherever.

Every step of a run renews the run's lock; a run that is gone loses it by time. Steps themselves exclude
each other by the kernel (`alone`), so that no lock that ran out can let two of them work at once.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import STATE, Failed, read_json, write
from pending import boot, uptime

LOCK = STATE / "lock.json"
MUTEX = Path("/run/quantlab.mutex")
PARTS = {"run", "by", "reason", "since", "seconds", "boot", "until", "kept"}
SECONDS = 600  # between two steps of a run; a step itself, however long, is alone on the host


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait for any other step on this host to end, and keep others waiting."""
    with MUTEX.open("w") as file:
        os.fchmod(file.fileno(), 0o600)  # whoever can open it can hold it, and the dead-man switch with it
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def recorded() -> dict[str, Any] | None:
    """What the file says; None when there is none, or a damaged one, which is nobody's."""
    entry: dict[str, Any] | None = read_json(LOCK, None)
    return entry if entry and entry.keys() >= PARTS else None


def holder() -> dict[str, Any] | None:
    """Who holds the lock now; None when nobody does, or its time has run out."""
    entry = recorded()
    if entry is None:
        return None
    if entry["boot"] == boot():
        left = entry["until"] - uptime()
    elif entry["kept"]:  # by an operator's word: it outlives a restart
        left = entry["since"] + entry["seconds"] - time.time()
    else:
        left = 0
    return entry | {"left": round(left)} if left > 0 else None


def described(entry: dict[str, Any]) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(entry["since"]))
    return f"{entry['by']} since {since}: {entry['reason']} (ends by itself in {entry['left'] / 60:.0f} min)"


def hold(who: dict[str, Any], *, seconds: int = SECONDS, kept: bool = False) -> None:
    """Take or renew the lock for a run. Raises Failed when another run or operator holds it."""
    entry = holder()
    if entry and entry["run"] != who["id"]:
        if entry["kept"] and entry["by"] == who["by"] and not kept:
            return  # an operator who keeps others out may work
        way = "" if entry["kept"] else ", or type `make unlock` if that run is surely gone"
        raise Failed(f"locked by {described(entry)}\n  next: wait, ask {entry['by']}{way}")
    write(
        LOCK,
        json.dumps(
            {
                "run": who["id"],
                "by": who["by"],
                "reason": who["reason"],
                "since": entry["since"] if entry else time.time(),
                "seconds": seconds,
                "boot": boot(),
                "until": uptime() + seconds,
                "host": socket.gethostname(),
                "kept": kept,
            }
        ),
    )


def release(run: str | None) -> None:
    """Give the lock of a run back; with None, whoever holds it."""
    entry = recorded()
    if entry and run in (None, entry["run"]) and (run is None or not entry["kept"]):
        LOCK.unlink(missing_ok=True)
