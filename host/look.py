"""One look: all that a deploy depends on, as one JSON object. Changes nothing.

Sent over stdin together with its request, so that it runs on a host that has nothing of ours yet.
"""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import re
import subprocess
import sys
import time
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

RELEASES, STATE = Path("/opt/quantlab/releases"), Path("/var/lib/quantlab")
PROPERTIES = "Id,ActiveState,SubState,UnitFileState,MainPID,NRestarts,Result"


def os_release() -> str:
    pairs = (line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    values = {key: value.strip('"') for key, value in pairs}
    return f"{values.get('ID', '?')} {values.get('VERSION_ID', '?')}"


def described(path: str) -> list[str] | None:
    """[sha256, "directory" or "other", mode, owner, group] of a path, None when there is none.

    A link is "other", wherever it leads: what it leads to can change without us.
    """
    place = Path(path)
    try:
        stat = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    digest = "directory" if S_ISDIR(stat.st_mode) else "other"
    if S_ISREG(stat.st_mode):
        with place.open("rb") as file:  # in pieces: a log may be larger than the memory
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        owner, group = pwd.getpwuid(stat.st_uid).pw_name, grp.getgrgid(stat.st_gid).gr_name
    except KeyError:
        owner, group = str(stat.st_uid), str(stat.st_gid)
    return [digest, f"{stat.st_mode & 0o7777:04o}", owner, group]


def disk_free_mb() -> int:
    disk = os.statvfs(next(place for place in (RELEASES, *RELEASES.parents) if place.exists()))
    return disk.f_bavail * disk.f_frsize // 2**20


def memory_free_mb() -> int:
    """What programs can still get without pushing others out."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024


def inodes_free() -> int | None:
    """None on a file system that makes them as it needs them."""
    disk = os.statvfs("/opt")
    return disk.f_favail if disk.f_files else None


def writable() -> bool:
    return os.access("/opt", os.W_OK)  # root may write everywhere but on what is mounted read-only


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return done.stdout


def user_there(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def installed(packages: list[str]) -> list[str]:
    """Read from dpkg's own record: to ask dpkg-query takes five times as long."""
    status = Path("/var/lib/dpkg/status")
    text = status.read_text(errors="replace") if status.exists() else ""  # no Debian
    records = {record.split("\n", 1)[0]: record for record in text.split("\n\n")}
    state = re.compile(r"^Status: .* installed$", re.MULTILINE)
    return [name for name in packages if state.search(records.get(f"Package: {name}", ""))]


def units(names: list[str], properties: str = PROPERTIES) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    blocks = output("systemctl", "show", f"--property={properties}", *names).strip().split("\n\n")
    rows = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {row["Id"]: row for row in rows if "Id" in row}


def listeners(ports: list[int]) -> dict[str, list[str]]:
    """Who listens on each port: [process name, pid, unit], from /proc alone. The first process's view is
    the host's; what asks may have no network itself."""
    inodes: dict[str, int] = {}
    for table in ("/proc/1/net/tcp", "/proc/1/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rsplit(":", 1)[1], 16)
            if fields[3] == "0A" and port in ports:
                inodes[f"socket:[{fields[9]}]"] = port
    found: dict[str, list[str]] = {}
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        held = open_files(process) & inodes.keys()
        try:
            unit = (process / "cgroup").read_text().strip().rsplit("/", 1)[-1] if held else ""
            name = (process / "comm").read_text().strip() if held else ""
        except OSError:
            continue  # ended while we looked
        for inode in held:
            found.setdefault(str(inodes[inode]), [name, process.name, unit])
    return found


def open_files(process: Path) -> set[str]:
    """What a process has open. A file closed while we look must not hide the others."""
    found = set()
    try:
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(str(descriptor.readlink()))
    except OSError:
        return found  # the process ended
    return found


def saved(path: Path) -> Any:
    """A record of ours; None when it is missing or damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def live(code: Path) -> str | None:
    """The release that the code link leads to; "" when it leads to something that is none of ours."""
    if not code.is_symlink():
        return None
    leads = code.readlink()
    return leads.parent.name if leads == RELEASES / leads.parent.name / "code" else ""


def summaries() -> dict[str, dict[str, Any]]:
    """What decisions need of every finished release: number, state, what it holds."""
    found = {}
    for home in RELEASES.iterdir() if RELEASES.is_dir() else ():
        manifest, state = saved(home / "manifest.json"), saved(home / "state.json") or {}
        if manifest:
            found[home.name] = {
                **{key: manifest[key] for key in ("number", "digest", "commit", "revision", "prepared")},
                "services": {one["name"]: one["digest"] for one in manifest["services"]},
                "state": state.get("state", "prepared"),
                "after": state.get("after"),
            }
    return found


def before(releases: dict[str, dict[str, Any]], name: str | None) -> str | None:
    """The good release to go back to from `name`: the one that was live when it was deployed.

    When that one is gone or bad: the newest good one that is older. By record and number, never by time.
    """
    recorded = releases.get(str(name), {}).get("after")
    if recorded and releases.get(recorded, {}).get("state") == "good":
        return str(recorded)
    limit = releases[name]["number"] if name in releases else float("inf")
    older = [n for n, r in releases.items() if r["state"] == "good" and r["number"] < limit]
    return max(older, key=lambda n: int(releases[n]["number"]), default=None)


def running(
    seen: dict[str, dict[str, str]], releases: dict[str, dict[str, Any]]
) -> dict[str, dict[str, str]]:
    """For each active unit, what its process was started from: services' digests, as the kernel tells."""
    found = {}
    for unit, now in seen.items():
        with contextlib.suppress(OSError, ValueError, KeyError):  # no process, or one from elsewhere
            if now["ActiveState"] == "active" and now["MainPID"] != "0":
                folder = Path(f"/proc/{now['MainPID']}/cwd").readlink()
                found[unit] = releases[folder.relative_to(RELEASES).parts[0]]["services"]
    return found


def look(request: dict[str, Any]) -> dict[str, Any]:
    code = Path(request["code"])
    release = live(code)
    seen, found = units(request["units"]), summaries()
    return {
        "os": os_release(),
        "disk_free_mb": disk_free_mb(),
        "memory_free_mb": memory_free_mb(),
        "inodes_free": inodes_free(),
        "writable": writable(),
        "installed": installed(request["packages"]),
        "user": user_there(request["user"]),
        "files": {path: described(path) for path in request["files"]},
        "links": {
            path: str((code / path).readlink()) for path in request["links"] if (code / path).is_symlink()
        },
        "units": seen,
        "running": running(seen, found),
        "listeners": listeners(request["ports"]),
        "code": "link" if release is not None else "tree" if code.exists() else None,
        "release": release,
        "releases": found,
        "back": before(found, release),
        "pending": saved(STATE / "pending.json"),
        "lock": saved(STATE / "lock.json"),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "uptime": time.monotonic(),
        "time": time.time(),
    }


if __name__ == "__main__":
    print(json.dumps(look(json.loads(sys.stdin.readline()))))
