"""What somebody may have changed by hand on this host, for `make drift`. Changes nothing, judges nothing.

Sent over stdin like the look, with the programs that it uses: those that lie on the host may be changed, too.
"""

import contextlib
import functools
import grp
import os
import pwd
import re
import time
from pathlib import Path
from typing import Any

import activate
import compare
import look
import store
import tree
from common import RELEASES, UNITS

PLACES = [f"{root}/systemd/system" for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib")]
PLACES += ["/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient"]
STATES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,MainPID,StateChangeTimestamp,Transient"
# 127.0.0.1, the same in IPv6's clothes, and ::1, as /proc/net writes them
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
PROGRAMS, ENV = Path("/usr/local/lib/quantlab"), Path("/etc/quantlab")


def survey(request: dict[str, Any]) -> dict[str, Any]:
    seen = compare.compare(request)
    manifest = seen["manifest"]
    name = manifest.get("id")
    known = {Path(path).name for path in (*manifest.get("files", {}), *request["programs"])}
    units = [unit for unit in known if re.search(r"\.(service|timer|target)$", unit)]
    states = look.units([*units, "quantlab*"], STATES)
    return seen | {
        "states": states,
        "running": look.running(states, seen["releases"]),  # of units that only this release has, too
        "elsewhere": {u: wanted_by(u) for u in manifest.get("enabled", []) if not as_written(u)},
        "strange_units": strange_units(known, request["key"]),
        "strange_files": strange_files(manifest, request),
        "copies": damaged(name, manifest),
        "checkout": checkout(manifest) if manifest and seen["user"] else None,
        "processes": processes(manifest, states),
        "account": account(request["user"]),
        "sockets": sockets(request),
        "removed": removed([p for p in request["packages"] if p not in seen["installed"]]),
    }


def wanted_by(unit: str) -> list[str]:
    return sorted(place.parent.name.removesuffix(".wants") for place in UNITS.glob(f"*.wants/{unit}"))


def as_written(unit: str) -> bool:
    return not (UNITS / unit).is_file() or activate.enabled(unit)


def told(path: Path, key: str) -> dict[str, Any]:
    return {"path": str(path), "changed": compare.changed(path), "host": compare.held(path, key)}


def strange_units(known: set[str], key: str) -> list[dict[str, Any]]:
    """Units and drop-ins called quantlab-anything that no release and no deploy put there."""
    found = []
    for place in map(Path, PLACES):
        for path in sorted(place.glob("quantlab*")):
            if path.suffix in (".wants", ".requires", ".upholds"):
                continue  # links, which enabling makes
            if path.suffix == ".d":
                found += [told(inner, key) for inner in sorted(path.iterdir())]
            elif place != UNITS or path.name not in known:
                found.append(told(path, key))
    return found


def strange_files(manifest: dict[str, Any], request: dict[str, Any]) -> list[dict[str, Any]]:
    """Env files and credentials that no service reads, programs that nobody deployed; their content stays."""
    kept = ENV / "credentials"
    ours = {*manifest.get("files", {}), *request["programs"], str(kept), str(PROGRAMS / "__pycache__")}
    folders = [folder for folder in (ENV, kept, PROGRAMS) if folder.is_dir()]
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    return [{"path": str(p), "changed": compare.changed(p)} for p in paths if str(p) not in ours]


def damaged(name: str | None, manifest: dict[str, Any]) -> list[str]:
    """Files whose copy in the release itself is not what the release was made of."""
    staged = {path: store.staged(str(name), path) for path in manifest.get("files", {})}
    return [str(s) for path, s in staged.items() if look.described(str(s)) != manifest["files"][path]]


def checkout(manifest: dict[str, Any]) -> dict[str, Any]:
    """What git says of the live code."""
    code = RELEASES / manifest["id"] / "code"
    git = functools.partial(tree.git, code)
    commit = manifest["commit"]
    head = git("rev-parse", "HEAD").strip()
    lines = [
        line for line in git("status", "--porcelain=v1", "--untracked-files=normal").splitlines() if line
    ]
    touched = [line[3:].split(" -> ")[-1].strip('"') for line in lines]
    touched += git("diff", "--name-only", commit, "HEAD", "--").splitlines() if head != commit else []
    gone = [
        f
        for f in manifest.get("folders", [])
        if not any((code / f / n).is_dir() for n in ("node_modules", ".venv"))
    ]
    return {
        "head": head,
        "branch": git("rev-parse", "--abbrev-ref", "HEAD").strip(),
        "changed": lines,
        "ahead": git("log", "--max-count=20", "--format=%h %an %cI %s", f"{commit}..HEAD", "--").splitlines(),
        "did": git("log", "--walk-reflogs", "--max-count=1", "--date=iso", "--format=%gd %gn: %gs").strip(),
        "behind": len(git("rev-list", "--max-count=1000", f"HEAD..{commit}", "--").splitlines()),
        "touched": {path: compare.changed(code / path) for path in touched},
        "folders": gone,
    }


def processes(manifest: dict[str, Any], states: dict[str, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Each service's process: since when, from which release, started with what its env file does not say."""
    boot = time.time() - time.monotonic()
    found = {}
    for service in manifest.get("services", []):
        pid = states.get(f"{service['unit']}.service", {}).get("MainPID", "0")
        with contextlib.suppress(OSError):  # it ends while we look
            if pid != "0":
                ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
                found[service["name"]] = {
                    "pid": pid,
                    "started": boot + ticks / os.sysconf("SC_CLK_TCK"),
                    "release": store.running_from(pid),
                    "differs": unlike(pid, service),
                }
    return found


def unlike(pid: str, service: dict[str, Any]) -> list[str]:
    """The variables that a process was started with otherwise than its env file says now."""
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="surrogateescape").split("\0")
    given = dict(line.split("=", 1) for line in raw if "=" in line)
    files = [Path(path) for path in service["files"] if path.endswith(".env") and Path(path).is_file()]
    said = {}
    for line in (line for file in files for line in file.read_text(errors="replace").splitlines()):
        if match := re.fullmatch(
            r"([A-Za-z_]\w*)='([^'\\]*)'", line
        ):  # as we write them; others are drift anyway
            said[match[1]] = match[2]
    return sorted(name for name, value in said.items() if given.get(name) != value)


def account(user: str) -> dict[str, Any] | None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    groups = [g.gr_name for g in grp.getgrall() if user in g.gr_mem and g.gr_gid != entry.pw_gid]
    own = grp.getgrgid(entry.pw_gid).gr_name
    changed = max(Path(path).stat().st_mtime for path in ("/etc/passwd", "/etc/group"))
    shell, home = entry.pw_shell, entry.pw_dir
    return {
        "shell": shell,
        "home": home,
        "uid": entry.pw_uid,
        "group": own,
        "groups": groups,
        "changed": changed,
    }


def sockets(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Who listens where: on ports of the catalogue, or as a process of ours."""
    listening: dict[str, tuple[int, bool]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if Path(table).exists() else ():
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            if fields[3] == "0A":
                listening[f"socket:[{fields[9]}]"] = (int(port, 16), address in LOOPBACK)
    found: dict[tuple[int, bool], dict[str, Any]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        for inode in look.open_files(process) & listening.keys():
            place = listening[inode]
            with contextlib.suppress(OSError, KeyError):  # it ends while we look
                unit = (process / "cgroup").read_text().strip().rsplit("/", 1)[-1]
                user = pwd.getpwuid(process.stat().st_uid).pw_name
                if (
                    place[0] in request["every_port"]
                    or unit.startswith("quantlab")
                    or user == request["user"]
                ):
                    name = (process / "comm").read_text().strip()
                    who = {"name": name, "pid": process.name, "unit": unit, "user": user}
                    found.setdefault(place, {"port": place[0], "local": place[1], **who})
    return [found[key] for key in sorted(found)]


def removed(packages: list[str]) -> dict[str, str]:
    """When dpkg last removed each of these packages."""
    file = Path("/var/log/dpkg.log")
    lines = file.read_text(errors="replace").splitlines() if packages and file.exists() else []
    rows = [line.split() for line in lines]
    return {
        row[3].split(":")[0]: f"{row[0]} {row[1]}"
        for row in rows
        if len(row) > 3 and row[2] in ("remove", "purge") and row[3].split(":")[0] in packages
    }
