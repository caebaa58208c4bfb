"""Runs a timer's job by hand as the timer would: same user, environment and sandbox, other arguments."""

import os
import re
import select
import subprocess
import sys
import time
from typing import Any

import look
import store
from common import UNITS, Failed

NOT_ASKED = ("Type", "ExecStart", "StandardOutput", "StandardError", "TimeoutStartSec")


def job(request: dict[str, Any]) -> int:
    """Run `node …` of the job with request["arguments"], its output on ours. Returns the job's exit code.

    With request["attached"], stdin stays open while somebody listens: when it ends, so does the job.
    """
    manifest = store.manifest(store.live(request["code"]))
    told = next(
        (t for t in manifest.get("catalogue", {}).get("timers", ()) if t["name"] == request["name"]), None
    )
    unit = UNITS / f"{told['unit'] if told else ''}.service"
    if told is None or not unit.is_file():
        raise Failed(f"{request['name']} is not on this host; next: LIMIT=host, or make status")
    sandbox = [f"--property={line}" for line in settings(unit.read_text())]
    program = [f"/usr/bin/{told['runtime']}", *told["start"].split()[1:2], *request["arguments"]]
    name = f"{told['unit']}-by-hand"
    if look.units([f"{name}.service"])[f"{name}.service"]["ActiveState"] == "active":
        raise Failed(f"{name} runs already; next: sudo journalctl -u {name} -f")
    command = [
        "systemd-run",
        "--wait",
        "--pipe",
        "--quiet",
        "--collect",
        f"--unit={name}",
        *sandbox,
        *program,
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as child:
        ended = os.pidfd_open(child.pid)
        watched = [ended, sys.stdin.fileno()] if request.get("attached") else [ended]
        if ended not in select.select(watched, [], [])[0]:
            while child.poll() is None:  # whoever asked may be gone before the unit is there
                subprocess.run(["systemctl", "stop", f"{name}.service"], capture_output=True)
                time.sleep(0.2)
        return child.wait()


def settings(unit: str) -> list[str]:
    """The lines of a unit's [Service] section that say how it runs, not what."""
    section = unit.partition("[Service]")[2].partition("\n[")[0]
    lines = (line.strip() for line in section.splitlines())
    return [line for line in lines if re.match(r"[A-Z]\w+=", line) and line.split("=")[0] not in NOT_ASKED]
