"""How this host is right now: release, services, their health. Changes nothing, waits for nothing."""

import re
import time
from pathlib import Path
from typing import Any

import lock
import look
import pending
import probe
import pulling
import store

PROPERTIES = (
    "Id,ActiveState,SubState,UnitFileState,Result,MainPID,NRestarts,ControlGroup,"
    "ActiveEnterTimestampMonotonic,InactiveEnterTimestampMonotonic,NextElapseUSecRealtime,LastTriggerUSec"
)


def status(request: dict[str, Any]) -> dict[str, Any]:
    """All that an operator sees on one screen, as the live release's own catalogue says what there is."""
    from concurrent.futures import ThreadPoolExecutor  # only here: see probe.py

    name = store.live(request["code"])
    manifest = store.manifest(name)
    if not manifest:
        return {"release": None, "pending": None, "lock": None, "drift": [], "services": [], "timers": []}
    catalogue = manifest["catalogue"]
    told = {one["name"]: one for one in catalogue["services"]}
    timers = [u for u in manifest["enabled"] if u.endswith(".timer")] + pulling.timers()
    names = [f"{s['unit']}.service" for s in manifest["services"]]
    jobs = [unit.replace(".timer", ".service") for unit in timers]
    units = look.units([*names, *timers, *jobs], PROPERTIES)
    with ThreadPoolExecutor(16) as pool:
        services = list(
            pool.map(
                lambda s: described(s, told.get(s["name"], {}), units[f"{s['unit']}.service"]),
                manifest["services"],
            )
        )
    marker = pending.read()
    return {
        "release": name,
        "commit": manifest["commit"],
        "revision": manifest["revision"],
        "prepared": manifest["prepared"],
        "state": store.state(name).get("state"),
        "pending": {key: marker[key] for key in ("id", "kind", "by")} if marker else None,
        "lock": lock.holder(),
        "drift": store.changed(name),
        "services": services,
        "timers": [timer(units[unit], units[job]) for unit, job in zip(timers, jobs, strict=True)],
    }


def described(service: dict[str, Any], told: dict[str, Any], unit: dict[str, str]) -> dict[str, Any]:
    """One service: what systemd says, what its own health probe says, what it uses."""
    since = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    active = unit["ActiveState"] == "active"
    reason = unhealthy(told) if active else None
    return {
        "name": service["name"],
        "unit": service["unit"],
        "port": service["port"],
        "state": unit["ActiveState"],
        "sub": unit["SubState"],
        "result": unit["Result"],
        "health": "ok" if active and reason is None else "unhealthy" if active else "down",
        "reason": reason,
        "seconds": round(time.monotonic() - since) if active and since else None,
        "restarts": int(unit.get("NRestarts") or 0),
        "memory": memory(unit.get("ControlGroup", "")),
        "release": store.running_from(unit["MainPID"]),
    }


def unhealthy(told: dict[str, Any]) -> str | None:
    """Why a service's probe is not answered as it should be; None when it is, or when it has none."""
    health, port = told.get("health", {}), int(told.get("port") or 0)
    if http := health.get("http"):
        secret = token(told, http["auth"]) if http.get("auth") else None
        return probe.http_reason(port, http["path"], http["status"], secret)
    return probe.tcp_reason(port) if health.get("tcp") else None


def token(told: dict[str, Any], name: str) -> str:
    """A secret of a service, for its probe alone: it is never part of an answer."""
    credential = Path(f"/etc/quantlab/credentials/{told['unit']}.{name}")
    if credential.exists():
        return credential.read_text()
    file = Path("/etc/quantlab") / told["env_file"]
    text = file.read_text() if file.exists() else ""
    found = re.search(rf"^{name}='?(.*?)'?$", text, re.MULTILINE)
    return found[1] if found else ""


def memory(group: str) -> int:
    """Bytes that the processes of a unit hold (not asked of its group: some kernels do not count)."""
    mounts = (Path(f"/sys/fs/cgroup{mount}{group}/cgroup.procs") for mount in ("", "/unified"))
    pids = [pid for file in mounts if group and file.exists() for pid in file.read_text().split()]
    total = 0
    for pid in pids:
        file = Path(f"/proc/{pid}/status")
        found = re.search(r"^VmRSS:\s+(\d+)", file.read_text(), re.MULTILINE) if file.exists() else None
        total += int(found[1]) * 1024 if found else 0
    return total


def timer(unit: dict[str, str], job: dict[str, str]) -> dict[str, Any]:
    """A timer with the result of its job's last run."""
    return {
        "name": unit["Id"],
        "state": unit["ActiveState"],
        "last": unit.get("LastTriggerUSec") or None,
        "next": unit.get("NextElapseUSecRealtime") or None,
        "result": job["Result"],
    }
