"""Whether a peer's host has ended in the same state as ours, seen by plain ssh and none of the contenders."""

import json
import shlex
from pathlib import Path
from typing import Any

from benchmarks import scene
from lab.state import Host

PLACES = ("directories", "logs", "files", "code_files")
LOOK = Path(__file__).with_name("endstate_look.py")


def seen(host: Host, deck: dict[str, Any]) -> dict[str, Any]:
    """What lies and runs on a host, of all that the deck names."""
    told = {
        "paths": [item["path"] for key in PLACES for item in deck[key]]
        + [service[key]["path"] for service in deck["services"] for key in ("env", "unit_file")],
        "logs": [item["path"] for item in deck["logs"]],
        "links": [item["path"] for item in deck["links"]],
        "code": deck["code"],
        "user": deck["user"],
        "packages": deck["packages"],
        "units": [service["unit"] for service in deck["services"]] + deck["others"],
        "services": [[s["unit"], s["unit_file"]["path"], s["env"]["path"]] for s in deck["services"]],
        "ports": [service["port"] for service in deck["services"] if service["port"]],
    }
    script = f"python3 -I - {shlex.quote(json.dumps(told))} <<'LOOK'\n{LOOK.read_text()}\nLOOK"
    found: dict[str, Any] = json.loads(scene.on_host(host, script))
    return found


def differences(ours: dict[str, Any], theirs: dict[str, Any], where: str = "") -> list[str]:
    """Every place at which two states differ. Of env files only hashes are known, so nothing is told."""
    found = []
    for key in sorted(ours.keys() | theirs.keys()):
        one, other, place = ours.get(key), theirs.get(key), f"{where}{key}"
        if isinstance(one, dict) and isinstance(other, dict):
            found += differences(one, other, f"{place}: ")
        elif one != other:
            found.append(f"{place}: ours {one}, theirs {other}")
    return found


def faults(state: dict[str, Any]) -> list[str]:
    """What is not as it should be, on either side: that both failed alike proves nothing."""
    found = [f"{unit} is {now}" for unit, now in state["units"].items() if now != ["active", "enabled"]]
    found += [f"{unit}: {reason}" for unit, reason in state["health"].items() if reason]
    found += [f"port {port} is closed" for port, owner in state["ports"].items() if not owner]
    return found + [f"{path} is missing" for path, entry in state["paths"].items() if entry is None]
