"""Ends an activation: the services have stayed up for a while, so the release is good."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from common import RELEASES, STATE, Failed, read_json, run, show, write
from service import explain


def confirm(request: dict[str, Any]) -> dict[str, Any]:
    """Wait until each service that request["run"] started has been up for request["settle"] seconds, as
    the process that passed its gate; then mark the release good and prune old ones."""
    started = read_json(STATE / "started.json", {})
    for service in request["services"]:
        mark = started.get(service["name"], {})
        ours = mark.get("run") == request["run"]
        left = mark["at"] + request["settle"] - time.time() if ours else 0
        time.sleep(min(max(left, 0), request["settle"]))
        now = show(f"{service['unit']}.service", "MainPID", "ActiveState")
        if now["ActiveState"] != "active" or (ours and now["MainPID"] != mark["pid"]):
            raise Failed(explain(service | {"release": request["id"]}, "was healthy, then died"))
    run(["systemctl", "start", "quantlab.target"], what="quantlab.target")
    write(RELEASES / request["id"] / "state.json", json.dumps({"state": "good", "at": time.time()}))
    return {"pruned": prune(request["id"], request["keep"])}


def prune(active: str, keep: int) -> list[str]:
    """Remove all but the newest `keep` good releases, the active one, and any still run from."""
    states = {r.name: read_json(r / "state.json", {}) for r in RELEASES.iterdir()}
    good = sorted(
        (name for name, state in states.items() if state.get("state") == "good"),
        key=lambda name: states[name]["at"],
    )
    kept = {active, *good[-keep:], *in_use()}
    gone = sorted(set(states) - kept)
    for name in gone:
        shutil.rmtree(RELEASES / name)
    return gone


def in_use() -> set[str]:
    """Releases that some process has as its folder."""
    used = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            folder = (process / "cwd").readlink()
        except OSError:
            continue  # ended, or a kernel thread
        if folder.is_relative_to(RELEASES) and folder != RELEASES:
            used.add(folder.relative_to(RELEASES).parts[0])
    return used
