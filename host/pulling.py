"""A host that deploys by itself: set up for it, what a tick must know, and the end of it."""

import base64
import hashlib
import json
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import history
import lock
import look
import pending
import store
from common import BASE, Failed, link, read_json, run, show

HOME = BASE / "pull"
SETTLED = HOME / "settled.json"  # the release that was pulled last
UNITS = Path("/usr/local/lib/systemd/system")  # not among those that belong to releases
TIMER, SERVICE = "quantlab-pull.timer", "quantlab-pull.service"


def set_up(request: dict[str, Any]) -> dict[str, Any]:
    """Give this host what it pulls with, and start its timer. Until all is there, what was there stays."""
    HOME.mkdir(mode=0o700, exist_ok=True)
    venv = install(request)
    fresh = HOME / "project.new"
    shutil.rmtree(fresh, ignore_errors=True)  # of a set-up that broke off
    for path, content in request["files"].items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_text(content)
    (fresh / "secrets.age").write_bytes(base64.b64decode(request["secrets"]))
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    (fresh / "set-up.json").write_text(json.dumps({"since": since, "version": request["version"]}))
    with_timer_stopped()
    project = HOME / "project"
    shutil.rmtree(project, ignore_errors=True)
    fresh.replace(project)
    link(HOME / "venv", venv)
    for other in set(HOME.glob("venv-*")) - {venv}:
        shutil.rmtree(other)
    UNITS.mkdir(parents=True, exist_ok=True)
    for name, content in request["units"].items():
        (UNITS / name).write_text(content)
        (UNITS / name).chmod(0o644)
    run(["systemctl", "daemon-reload"], what="systemd")
    run(["systemctl", "enable", TIMER], what=TIMER)
    run(["systemctl", "restart", TIMER], what=TIMER)
    return {"since": since}


def install(request: dict[str, Any]) -> Path:
    """The locked packages in a folder of their own; nothing to do when it is there already."""
    key = hashlib.sha256((platform.python_version() + request["files"]["requirements.txt"]).encode())
    venv = HOME / f"venv-{key.hexdigest()[:12]}"
    if (venv / "complete").exists():
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    run(["python3", "-m", "venv", str(venv)], what="the environment that pulls")
    file = venv / "requirements.txt"
    file.write_text(request["files"]["requirements.txt"])
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    env = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    run(
        [*pip, "--require-hashes", "-r", str(file)],
        what="the environment that pulls",
        env=request["env"] | env,
    )
    (venv / "complete").touch()
    return venv


def with_timer_stopped() -> None:
    """No tick begins from here on. Raises Failed when one is under way: its files must stay."""
    if not (UNITS / TIMER).exists():
        return
    run(["systemctl", "stop", TIMER], what=TIMER)
    if show(SERVICE, "ActiveState")["ActiveState"] in ("active", "activating"):
        run(["systemctl", "start", TIMER], what=TIMER)
        raise Failed("a pull is under way on this host\n  next: type the command again when it has ended")


def off(request: dict[str, Any]) -> dict[str, Any]:
    """This host pulls no more; its release stays as it is."""
    was = HOME.exists() or (UNITS / TIMER).exists()
    with_timer_stopped()
    if (UNITS / TIMER).exists():
        run(["systemctl", "disable", "--now", TIMER], what=TIMER)
        run(["systemctl", "clean", "--what=state", TIMER], what=TIMER)  # when it was triggered last
        for unit in (TIMER, SERVICE):
            (UNITS / unit).unlink(missing_ok=True)
        run(["systemctl", "daemon-reload"], what="systemd")
        # Else a tick that failed stays on the list of failed units. None did: no harm.
        subprocess.run(["systemctl", "reset-failed", SERVICE], capture_output=True)
    shutil.rmtree(HOME, ignore_errors=True)
    return {"was": was}


def glance(request: dict[str, Any]) -> dict[str, Any]:
    """What a tick decides from."""
    name, marker = store.live(request["code"]), pending.read() or {}
    units = [f"{service['unit']}.service" for service in store.manifest(name).get("services", [])]
    states = look.units(units, "Id,ActiveState")
    releases, past = look.summaries(), history.last(50)
    done: dict[str, Any] = next((one for one in reversed(past) if one["outcome"] == "good"), {})
    return {
        "live": name,
        "releases": releases,
        "why": {one: store.state(one)["why"] for one in releases if "why" in store.state(one)},
        "lock": lock.holder(),
        "going_back": marker["id"] if "gave_up" in marker else None,
        "down": [unit for unit, now in states.items() if now["ActiveState"] in ("inactive", "failed")],
        "files": {path: look.described(path) for path in request["files"]},
        "since": read_json(HOME / "project" / "set-up.json", {}).get("since", ""),
        "settled": read_json(SETTLED, {}).get("digest"),
        "rolled_back": done.get("from") if done.get("kind") == "rollback" else None,
        "last": past[-1] if past else {},
    }


def timers() -> list[str]:
    """For the status: the timer of a host that pulls."""
    return [TIMER] if (UNITS / TIMER).exists() else []
