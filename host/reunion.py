"""Waits for services that need one which was started anew: they find it again by themselves."""

import time
from typing import Any

import store
from common import Failed, show
from service import explain
from status import unhealthy

SETTLE = 3.0  # seconds: longer than the pauses in which services look at what they need


def reunion(request: dict[str, Any]) -> dict[str, Any]:
    """Wait until request["names"] have all been healthy for SETTLE seconds; after how many they were.

    Only those that run, or try to, and have a probe. Raises Failed with the journal's last lines.
    """
    manifest = store.manifest(store.live(request["code"]))
    told = {one["name"]: one for one in manifest.get("catalogue", {}).get("services", [])}
    waiting = [
        service
        for service in manifest.get("services", [])
        if service["name"] in request["names"]
        and service["port"]
        and show(f"{service['unit']}.service", "ActiveState")["ActiveState"] in ("active", "activating")
    ]
    began = since = time.monotonic()
    took = {service["name"]: 0.0 for service in waiting}
    while waiting and time.monotonic() - since < SETTLE:
        for service in waiting:
            if reason := unhealthy(told[service["name"]]):
                since = time.monotonic()
                took[service["name"]] = round(since - began, 2)
                if since - began > told[service["name"]]["start_timeout"]:
                    raise Failed(explain({"gave_up": None}, service, f"does not get healthy ({reason})"))
        time.sleep(0.1)
    return {"took": took}
