"""Starts, stops and restarts services as an operator asks, in order, each proved healthy."""

import time
from typing import Any

import store
from common import Failed, run, show
from service import explain, wait_for
from status import unhealthy


def control(request: dict[str, Any]) -> dict[str, Any]:
    """Do request["action"] to request["names"] (in the order given). Returns the seconds that each took."""
    manifest = store.manifest(store.live(request["code"]))
    known = {service["name"]: service for service in manifest.get("services", [])}
    told = {one["name"]: one for one in manifest.get("catalogue", {}).get("services", [])}
    took = {}
    for name in (name for name in request["names"] if name in known):
        began = time.monotonic()
        act(request["action"], known[name])
        if request["action"] != "stop" and (reason := ill(told[name])):
            raise Failed(explain({"gave_up": None}, known[name], f"is not healthy ({reason})"))
        took[name] = round(time.monotonic() - began, 2)
    return {"took": took}


def ill(told: dict[str, Any]) -> str | None:
    """Why a service does not get healthy. One that ran all the while may have to find again what it needs."""
    end = time.monotonic() + told["start_timeout"]
    while (reason := unhealthy(told)) and time.monotonic() < end:
        time.sleep(0.1)
    return reason


def act(action: str, service: dict[str, Any]) -> None:
    """Raises Failed with the journal's last lines when a service does not end as it should."""
    unit = f"{service['unit']}.service"
    if action != "stop":
        run(["systemctl", "reset-failed", unit], what=unit, timeout=30)
    try:
        run(["systemctl", action, unit], what=unit, timeout=service["start_timeout"] + 60)
    except Failed:
        raise Failed(explain({"gave_up": None}, service, f"did not {action}")) from None
    state = show(unit, "ActiveState")["ActiveState"]
    if action == "stop":
        if state not in ("inactive", "failed"):
            raise Failed(f"{service['name']} ({unit}) is {state}, not stopped")
    elif state != "active":
        raise Failed(explain({"gave_up": None}, service, f"is {state} right after it was healthy"))
    elif service["port"]:
        holder = wait_for(service["port"], 2)
        if holder is None or holder[2] != unit:
            raise Failed(explain({"gave_up": None}, service, f"does not hold port {service['port']}"))
