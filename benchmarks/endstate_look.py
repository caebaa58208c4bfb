"""Runs on a host, with what to look at as its argument: prints what is there as JSON. Changes nothing."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUEST: dict[str, Any] = json.loads(sys.argv[1])
STATUS = "${Package} ${db:Status-Status}\n"


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip()}"


def entry(path: str) -> list[str] | None:
    """Kind or content, mode and owner, as `stat` tells them."""
    place = Path(path)
    if not place.exists():
        return None
    same = place.is_file() and path not in REQUEST["logs"]  # what a log holds is its host's own
    content = hashlib.sha256(place.read_bytes()).hexdigest() if same else ""
    return [content, *said("stat", "-c", "%F %a %U %G", path).replace("regular empty", "regular").split("\n")]


def health(unit: str, unit_file: str, env_file: str) -> str:
    """The unit's own probe, asked once, with the service's own environment; "" when it is healthy."""
    found = re.search(r"^ExecStartPost=(.*?)--wait \S+ (.*)$", Path(unit_file).read_text(), re.MULTILINE)
    if not found:
        return "its unit has no probe"
    pid = said("systemctl", "show", "-P", "MainPID", unit)
    script = f"set -a; . {shlex.quote(env_file)}; MAINPID={pid} exec {found[1]} {found[2]}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip() or "its probe fails"


def listeners() -> dict[str, str]:
    """The unit of the process that holds each port."""
    held = {}
    for line in said("ss", "-Hltnp").splitlines():
        port, pid = line.split()[3].rsplit(":", 1)[1], re.search(r"pid=(\d+)", line)
        if pid:
            held[port] = Path(f"/proc/{pid[1]}/cgroup").read_text().strip().rsplit("/", 1)[-1]
    return held


def main() -> None:
    code, ports = REQUEST["code"], listeners()
    git = ("runuser", "-u", REQUEST["user"], "--", "git", "-C", code)
    print(
        json.dumps(
            {
                "paths": {path: entry(path) for path in REQUEST["paths"]},
                "links": {path: str(Path(path).resolve()) for path in REQUEST["links"]},
                "tree": said(*git, "rev-parse", "HEAD^{tree}"),
                "clean": said(*git, "status", "--porcelain", "--untracked-files=no"),
                "user": said("getent", "passwd", REQUEST["user"]).split(":")[-2:],
                "packages": said("dpkg-query", "-W", "-f", STATUS, *REQUEST["packages"]),
                "units": {
                    unit: [said("systemctl", "is-active", unit), said("systemctl", "is-enabled", unit)]
                    for unit in REQUEST["units"]
                },
                "health": {unit: health(unit, file, env) for unit, file, env in REQUEST["services"]},
                "ports": {str(port): ports.get(str(port), "") for port in REQUEST["ports"]},
            }
        )
    )


main()
