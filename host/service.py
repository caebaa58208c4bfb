"""Starts one service and lets it pass only when the new process, from the live release, is healthy."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from common import STATE, Failed, read_json, run, show, write
from look import listeners

STARTED = STATE / "started.json"


def start(request: dict[str, Any]) -> dict[str, Any]:
    """(Re)start request["unit"] and prove it healthy. Raises Failed with the journal's last lines."""
    unit = f"{request['unit']}.service"
    before = show(unit, "MainPID")["MainPID"]
    began = time.monotonic()
    run(["systemctl", "reset-failed", unit], what=unit, timeout=30)
    try:
        # Type=exec and ExecStartPost make this return when healthy, and fail when not.
        run(["systemctl", "restart", unit], what=unit, timeout=request["start_timeout"] + 60)
    except Failed:
        raise Failed(explain(request, "did not become healthy")) from None
    seconds = round(time.monotonic() - began, 2)
    after = show(unit, "MainPID", "NRestarts", "ActiveState")
    if reason := gate(request, before, after):
        raise Failed(explain(request, reason))
    started = read_json(STARTED, {})
    started[request["name"]] = {
        "digest": request["digest"],
        "run": request["run"],
        "pid": after["MainPID"],
        "at": time.time(),
        "seconds": seconds,
    }
    write(STARTED, json.dumps(started), 0o600)
    return {"healthy_after": seconds}


def gate(request: dict[str, Any], before: str, after: dict[str, str]) -> str | None:
    """Why the process that answered is not the one that was meant; None when it is."""
    pid = after["MainPID"]
    if after["ActiveState"] != "active" or pid == "0":
        return f"is {after['ActiveState']} right after it was healthy"
    if pid == before:
        return f"is still the old process {pid}"
    if after["NRestarts"] != "0":
        return f"has restarted {after['NRestarts']} times already"
    here = Path(request["code"]).resolve()
    try:
        folder = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return "ended right after it was healthy"
    if not folder.is_relative_to(here):
        return f"runs from {folder}, not from {here}"
    if port := request["port"]:
        holder = listeners([port]).get(str(port))
        if holder is None or holder[2] != f"{request['unit']}.service":
            who = f"{holder[0]} (pid {holder[1]}, {holder[2]})" if holder else "nobody"
            return f"does not hold port {port}: {who} does"
    return None


def explain(request: dict[str, Any], reason: str) -> str:
    """What happened, the last journal lines, what is live now, what to type next."""
    unit = f"{request['unit']}.service"
    state = show(unit, "ActiveState", "SubState", "Result", "NRestarts")
    journal = ["journalctl", "-u", unit, "-n", "12", "-o", "cat", "--no-pager"]
    lines = subprocess.run(journal, capture_output=True, text=True, errors="replace").stdout
    # A unit that can't be healthy must not be restarted for ever behind the operator's back.
    subprocess.run(["systemctl", "stop", unit], check=False, capture_output=True)
    tail = "\n".join(f"    {line}" for line in lines.splitlines())
    return (
        f"{request['name']} ({unit}) {reason}: {state['SubState']}, result {state['Result']}\n{tail}\n"
        f"  live now: release {request['release']}; {request['name']} is stopped, "
        f"later services were left as they were\n"
        f"  next: mend it and deploy again, or look: sudo journalctl -u {request['unit']} -n 50"
    )
