"""Starts one service and lets it pass only when the new process, from the live release, is healthy."""

import subprocess
import time
from typing import Any

import pending
import store
from common import Failed, run, show
from look import listeners, units
from mask import masked


def start(marker: dict[str, Any], service: dict[str, Any]) -> float:
    """(Re)start a service of the release under way and prove it healthy; the seconds that it took.

    Raises Failed with the journal's last lines.
    """
    unit = f"{service['unit']}.service"
    before = show(unit, "MainPID")["MainPID"]
    began = time.monotonic()
    run(["systemctl", "reset-failed", unit], what=unit, timeout=30)
    try:
        # Type=exec and ExecStartPost make this return when healthy, and fail when not.
        run(["systemctl", "restart", unit], what=unit, timeout=service["start_timeout"] + 60)
    except Failed:
        raise Failed(explain(marker, service, "did not become healthy")) from None
    seconds = round(time.monotonic() - began, 2)
    after = show(unit, "MainPID", "NRestarts", "ActiveState")
    if reason := gate(marker, service, before, after):
        raise Failed(explain(marker, service, reason))
    marker["started"][service["name"]] = {"pid": after["MainPID"], "seconds": seconds}
    pending.save(marker)
    return seconds


def gate(marker: dict[str, Any], service: dict[str, Any], before: str, after: dict[str, str]) -> str | None:
    """Why the process that answered is not the one that was meant; None when it is."""
    pid = after["MainPID"]
    if after["ActiveState"] != "active" or pid == "0":
        return f"is {after['ActiveState']} right after it was healthy"
    if pid == before:
        return f"is still the old process {pid}"
    if after["NRestarts"] != "0":
        return f"has restarted {after['NRestarts']} times already"
    if not service.get("by_hand") and (origin := store.running_from(pid)) != marker["id"]:
        return f"runs from release {origin}, not from {marker['id']}"
    if port := service["port"]:
        holder = wait_for(port, service["start_timeout"] if service.get("by_hand") else 0)
        if holder is None or holder[2] != f"{service['unit']}.service":
            who = f"{holder[0]} (pid {holder[1]}, {holder[2]})" if holder else "nobody"
            return f"does not hold port {port}: {who} does"
    return None


def wait_for(port: int, seconds: float) -> list[str] | None:
    """Who listens on a port. Units written by hand may be "started" before their service listens."""
    end = time.monotonic() + seconds
    while (holder := listeners([port]).get(str(port))) is None and time.monotonic() < end:
        time.sleep(0.1)
    return holder


def settle(marker: dict[str, Any], services: list[dict[str, Any]], seconds: float) -> None:
    """Wait until all that this run started has been up for `seconds`, as the processes that passed
    their gates, and see that nothing else has died meanwhile. Raises Failed."""
    started = [f"{s['unit']}.service" for s in services if s["name"] in marker["started"]]
    entered = units(started, "Id,ActiveEnterTimestampMonotonic").values()
    last = max((int(unit["ActiveEnterTimestampMonotonic"] or 0) for unit in entered), default=0) / 1e6
    time.sleep(min(max(last + seconds - pending.uptime(), 0), seconds))
    states = units([f"{service['unit']}.service" for service in services], "Id,ActiveState,MainPID")
    for service in services:
        mark, now = marker["started"].get(service["name"]), states.get(f"{service['unit']}.service")
        if now is None or now["ActiveState"] != "active" or (mark and now["MainPID"] != mark["pid"]):
            raise Failed(explain(marker, service, "was healthy, then died"))


def explain(marker: dict[str, Any], service: dict[str, Any], reason: str) -> str:
    """What happened to a service, with the last journal lines."""
    unit = f"{service['unit']}.service"
    state = show(unit, "SubState", "Result")
    journal = ["journalctl", "-u", unit, "-n", "30", "-o", "cat", "--no-pager"]
    lines = subprocess.run(journal, capture_output=True, text=True, errors="replace").stdout
    if "gave_up" not in marker:
        # A new unit that can't be healthy must not be restarted for ever behind the operator's back. What
        # the host goes back to may: it was healthy once, and what it misses (S3, say) may come back.
        subprocess.run(["systemctl", "stop", unit], check=False, capture_output=True)
    tail = "\n".join(f"    {line}" for line in masked(lines).splitlines())
    said = f"{service['name']} ({unit}) {reason}: {state['SubState']}, result {state['Result']}"
    return f"{said}\n{tail}\n    more: make logs SERVICE={service['name']}"
