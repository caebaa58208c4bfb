"""Causes that systemd knows."""

import re
from pathlib import Path

import activate
import lock
import pending

from doctor.kinds import Evidence
from doctor.observed import Observed, Program


def under_way(seen: Observed, program: Program | None) -> Evidence | None:
    marker, held = pending.read(), lock.holder()
    if not marker or not held or marker["run"] != held["run"]:
        return None
    return Evidence(f"{marker['kind']} of release {marker['id']} by {marker['by']}")


def locked(seen: Observed, program: Program | None) -> Evidence | None:
    held = lock.holder()
    if held is None:
        return None
    way = "" if held["kept"] else "wait, or type `make unlock` if that run is surely gone"
    return Evidence(f"by {lock.described(held)}", mend=way)


def missing(seen: Observed, program: Program) -> Evidence | None:
    if seen.units[program.unit]["LoadState"] == "not-found":
        return Evidence(f"/etc/systemd/system/{program.unit} is not there")
    return None


def masked(seen: Observed, program: Program) -> Evidence | None:
    unit = seen.units[program.unit]
    return Evidence(program.unit) if unit["LoadState"] == "masked" else None


def disabled(seen: Observed, program: Program | None) -> Evidence | None:
    told = [one.unit for one in seen.services if one.name in seen.ill]  # each has its own cause
    wanted = [u for u in [*seen.manifest.get("enabled", []), *seen.request["guards"]] if u not in told]
    good = {"UnitFileState": "enabled", "LoadState": "loaded"}  # one that runs may have lost its file since
    off = [unit for unit in wanted if not good.items() <= seen.units[unit].items()]
    return Evidence(f"{', '.join(off)}: would not start with the host") if off else None


def queued(seen: Observed, program: Program) -> Evidence | None:
    """It waits for its turn behind a service that does not get healthy."""
    if seen.units[program.unit].get("Job", "0") in ("", "0") or not waiting(seen, program):
        return None
    before = seen.services[: seen.services.index(program)]
    for one in reversed(before):
        if one.name in seen.ill and not waiting(seen, one):
            return Evidence(f"behind {one.name}: {seen.ill[one.name]}", root=one.name)
    return None


def waiting(seen: Observed, program: Program) -> bool:
    return seen.units[program.unit]["ActiveState"] == "inactive"


def stopped(seen: Observed, program: Program) -> Evidence | None:
    """Nothing went wrong with it, and it is not running."""
    unit = seen.units[program.unit]
    if (unit["ActiveState"], unit["Result"]) != ("inactive", "success"):
        return None
    return Evidence(f"{program.unit} is inactive since {unit['StateChangeTimestamp'] or 'the host started'}")


def override(seen: Observed, program: Program) -> Evidence | None:
    """Drop-ins; the names of what they set, since values may be secret."""
    found = [Path(p) for p in seen.units[program.unit]["DropInPaths"].split() if not p.startswith("/usr/")]
    if not found:
        return None
    keys = re.findall(r"^(\w+)=", "\n".join(path.read_text() for path in found if path.is_file()), re.M)
    files = " ".join(map(str, found))
    return Evidence(f"{files} sets {', '.join(dict.fromkeys(keys)) or 'nothing'}", words={"files": files})


def edited(seen: Observed, program: Program) -> Evidence | None:
    path = f"/etc/systemd/system/{program.unit}"
    if activate.same_content(str(seen.release), path):
        return None
    return Evidence(f"{path} is not as release {seen.release} has it")


def start_limit(seen: Observed, program: Program) -> Evidence | None:
    if seen.units[program.unit]["Result"] != "start-limit-hit":
        return None
    return Evidence(f"{program.unit} started too often; its last lines:\n{seen.journal(program.unit)}")


def failed(seen: Observed, program: Program) -> Evidence | None:
    """No other cause was found: what the service itself says."""
    return Evidence(f"{seen.ill[program.name]}; its last lines:\n{seen.journal(program.unit)}")
