"""The steps of a run, as the controller calls them: start a service, confirm, abort.

A step that fails gives the whole activation up: the host goes back to the release that it came from.
"""

import subprocess
from typing import Any

import finish
import history
import lock
import pending
import revert
import service
import store
from common import Failed


def take(request: dict[str, Any]) -> dict[str, Any]:
    """Hold the lock for a run (as every step does), if the host is still as the run has seen it."""
    live, marker = store.live(request["code"]), pending.read()
    if (live, marker and marker["id"]) != (request["live"], request["pending"]):
        raise Failed("another run changed this host after it was looked at\n  next: type the command again")
    return {}


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Start request["name"], a service of the release under way."""
    marker = pending.mine(request)
    one = next(s for s in store.whole(marker["id"])["services"] if s["name"] == request["name"])
    try:
        pending.wind(marker)
        return {"healthy_after": service.start(marker, one)}
    except (Failed, OSError) as failed:  # OSError: the disk is full
        raise Failed(given_up(marker, failed)) from None


def confirm(request: dict[str, Any]) -> dict[str, Any]:
    """The last step, over a connection of its own: all services stayed up, so the release is good."""
    marker = pending.mine(request)
    try:
        pending.wind(marker)
        revert.bring_up(request["settle"])  # what no step started: services that the catalogue has no more
    except (Failed, OSError) as failed:
        raise Failed(given_up(marker, failed)) from None
    return {"pruned": finish.prune(marker["id"], request["keep"])}


def given_up(marker: dict[str, Any], failed: Exception) -> str:
    """The end of an activation of which a step failed. A host that shuts down stops services under way:
    that is no fault of the release, and the host goes back when it starts again."""
    state = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True).stdout.strip()
    if state == "stopping":
        return f"{failed}\n  the host is shutting down; it goes back when it starts again"
    return revert.give_up(marker, str(failed), blame=True)


def abort(request: dict[str, Any]) -> dict[str, Any]:
    """End a run that cannot go on: what it has begun to activate is given up, its lock returned."""
    marker, run = pending.read(), request["run"]["id"]
    if marker and marker["run"] == run:
        raise Failed(revert.give_up(marker, request["why"], blame=False))
    lock.release(run)
    return {}


def record(request: dict[str, Any]) -> dict[str, Any]:
    """Note a refusal in the host's history."""
    who = request["run"]
    entry = {"kind": request["kind"], "by": who["by"], "run": who["id"], "why": request["why"]}
    history.add(entry | {"outcome": "refused", "live": store.live(request["code"])})
    return {}


def past(request: dict[str, Any]) -> dict[str, Any]:
    """The newest entries of the host's history."""
    return {"entries": history.last(request["count"])}


def keep_out(request: dict[str, Any]) -> dict[str, Any]:
    """An operator's lock: no deploy but the operator's own until it ends."""
    lock.hold(request["run"], seconds=request["seconds"], kept=True)
    return {}


def unlock(request: dict[str, Any]) -> dict[str, Any]:
    """Take the lock off, whoever holds it. A run that still goes on takes it again with its next step,
    unless somebody else was quicker: then it ends there."""
    entry = lock.holder()
    lock.release(None)
    return {"held": entry}
