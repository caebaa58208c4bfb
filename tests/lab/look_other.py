"""Runs on a lab host: what is there, told without any of the programs under test."""

import grp
import hashlib
import json
import pwd
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

RELEASES, STATE, UNITS = (
    Path("/opt/quantlab/releases"),
    Path("/var/lib/quantlab"),
    Path("/etc/systemd/system"),
)
GUARDS = {f"quantlab-{name}" for name in ("early-boot.service", "late-boot.service", "deadman.service")}
GUARDS.add("quantlab-deadman.timer")
NONE: dict[str, Any] = {"files": {}, "services": [], "enabled": [], "catalogue": {"services": []}}


def load(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None


def sh(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()


def described(path: str) -> list[str]:
    if not Path(path).is_file():
        return ["missing"]
    stat = Path(path).stat()
    owner, group = pwd.getpwuid(stat.st_uid).pw_name, grp.getgrgid(stat.st_gid).gr_name
    return [hashlib.sha256(Path(path).read_bytes()).hexdigest(), f"{stat.st_mode & 0o7777:04o}", owner, group]


def health(service: dict[str, Any]) -> str | None:
    """Why a service's own answer is not a good one."""
    http = service["health"].get("http")
    if not http:
        return None
    request = urllib.request.Request(f"http://127.0.0.1:{service['port']}{http['path']}")
    if http.get("auth"):
        lines = Path("/etc/quantlab", service["env_file"]).read_text().splitlines()
        (token,) = (line.split("=", 1)[1].strip("'") for line in lines if line.startswith(http["auth"] + "="))
        request.add_header("Authorization", f"Bearer {token}")
    try:
        urllib.request.urlopen(request, timeout=5).read()  # noqa: S310 (http, as written above)
    except OSError as error:
        return f"{service['unit']} is not healthy: {error}"
    return None


def process(one: dict[str, Any]) -> str | None:
    """Why a service's process is not of the live release, by content."""
    unit = f"{one['unit']}.service"
    state, pid = sh("systemctl", "show", unit, "-p", "ActiveState", "-p", "MainPID", "--value").split("\n")
    state, pid = (state, pid) if pid.isdigit() else (pid, state)
    if state != "active":
        return f"{unit} is {state}"
    folder = Path(f"/proc/{pid}/cwd").readlink()
    origin = folder.parts[4] if folder.is_relative_to(RELEASES) else "?"
    of = (load(RELEASES / origin / "manifest.json") or NONE)["services"]
    if one["digest"] not in [other["digest"] for other in of if other["name"] == one["name"]]:
        return f"{unit} runs something else, from {folder}"
    return None


def faults(live: str) -> list[str]:
    manifest = load(RELEASES / live / "manifest.json")
    if manifest is None:
        return [f"release {live} has no manifest"]
    found = [
        f"{path} is {described(path)[1:] or 'missing'}"
        for path, wanted in manifest["files"].items()
        if described(path) != wanted
    ]
    there = [*Path("/etc/quantlab").iterdir(), *(p for p in UNITS.iterdir() if "quantlab" in p.name)]
    files = {str(path) for path in there if path.is_file() and path.name not in GUARDS}
    found += [f"{path} belongs to no release" for path in sorted(files - set(manifest["files"]))]
    found += [
        f"{u} is not enabled" for u in manifest["enabled"] if sh("systemctl", "is-enabled", u) != "enabled"
    ]
    reload = sh("systemctl", "show", "-p", "NeedDaemonReload", "--value", *manifest["enabled"])
    found += ["systemd has older versions of units"] if "yes" in reload else []
    found += [why for one in manifest["services"] if (why := process(one))]
    return found + [why for one in manifest["catalogue"]["services"] if (why := health(one))]


def main() -> None:
    found = {  # first whether anything is under way: what is looked at afterwards is then the end of it
        "pending": load(STATE / "pending.json"),
        "lock": load(STATE / "lock.json"),
        "timer": sh("systemctl", "is-active", "quantlab-deadman.timer"),
        "busy": sh(
            "systemctl", "is-active", "quantlab-deadman.service", "quantlab-late-boot.service"
        ).split(),
    }
    live = Path("/home/deploy/quantlab-backend").readlink().parent.name
    history = [json.loads(line) for line in (STATE / "history.jsonl").read_text().splitlines()]
    states = {home.name: load(home / "state.json") or {} for home in RELEASES.iterdir()}
    found |= {
        "live": live,
        "commit": (load(RELEASES / live / "manifest.json") or {}).get("commit"),
        "faults": faults(live),
        "last": history[-1],
        "good": sorted(name for name, state in states.items() if state.get("state") == "good"),
    }
    print(json.dumps(found))


main()
