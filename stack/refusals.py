"""Why a run must not start on a host, as far as the look at it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stack.desired import Desired

SUPPORTED = ("debian 12", "debian 13")
MEMORY_FREE_MB, INODES_FREE = 200, 10_000  # less than this, and a deploy does not start
OVERRIDE = "  to deploy all the same: PREFLIGHT=0 make deploy"


@dataclass(frozen=True)
class Run:
    """One command of an operator, as the hosts' locks and histories name it."""

    id: str
    by: str
    reason: str


def refusals(desired: Desired, observed: dict[str, Any], run: Run) -> list[str]:
    """Why a run on this host must not start."""
    if "refused" in observed:
        return [observed["refused"]]
    found, need = [], desired.site.settings.disk_free_mb
    if observed["os"] not in SUPPORTED:
        found.append(f"runs {observed['os']}; supported: {', '.join(SUPPORTED)}")
    if held := locked(observed, run):
        found.append(held)
    if observed["disk_free_mb"] < need:
        found.append(
            f"only {observed['disk_free_mb']} MB free under /opt; a deploy needs {need} (disk_free_mb)"
        )
    by_hand = observed.get("tree", {}).get("units", [])  # an adoption stops these, whatever ports they hold
    for service in desired.services:
        holder = observed.get("listeners", {}).get(str(service.port))
        if holder and holder[2] not in (f"{service.unit}.service", *(u.rsplit("/", 1)[1] for u in by_hand)):
            name, pid, unit = holder
            found.append(
                f"port {service.port} of {service.name} is held by {name} (pid {pid}, {unit}): stop it first"
            )
    return found


def locked(observed: dict[str, Any], run: Run) -> str | None:
    """Who keeps this run out, if anybody does. The host decides again when the run takes the lock."""
    lock = observed.get("lock")
    if not lock:
        return None
    if lock["boot"] == observed["boot"]:
        left = lock["until"] - observed["uptime"]
    else:
        left = lock["since"] + lock["seconds"] - observed["time"] if lock["kept"] else 0
    if left <= 0 or (lock["kept"] and lock["by"] == run.by):
        return None
    way = f"ask {lock['by']}" if lock["kept"] else "wait, or `make unlock` if that run is surely gone"
    return f"locked by {lock['by']}: {lock['reason']} (ends by itself in {left / 60:.0f} min); {way}"


def shortages(observed: dict[str, Any]) -> list[str]:
    """What the machine has too little of to be changed; a deploy without changes, or back, needs none."""
    found = []
    if not observed.get("writable", True):
        found.append("/opt is mounted read-only")
    if (free := observed.get("memory_free_mb", MEMORY_FREE_MB)) < MEMORY_FREE_MB:
        found.append(f"only {free} MB of memory available; a deploy needs {MEMORY_FREE_MB}")
    if (left := observed.get("inodes_free") or INODES_FREE) < INODES_FREE:
        found.append(f"only {left} inodes free under /opt; a deploy needs {INODES_FREE}")
    return found
