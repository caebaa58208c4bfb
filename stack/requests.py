"""What the programs on a host are told to do."""

from __future__ import annotations

from typing import Any

from stack.desired import GUARDS, Desired, download_env, unit_files
from stack.difference import differing, owned
from stack.render import UNITS, File
from stack.revision import Revision


def as_request(files: dict[str, File]) -> dict[str, Any]:
    return {
        path: {"content": f.content, "mode": f.mode, "owner": f.owner, "group": f.group}
        for path, f in files.items()
    }


def put(desired: Desired, observed: dict[str, Any]) -> dict[str, Any] | None:
    """Folders, logs and programs of ours that differ, as host/put.py is told; None if none does."""
    seen, units = observed.get("files", {}), observed.get("units", {})
    found: dict[str, Any] = {
        "directories": as_request(differing(desired.directories, seen, "directory")),
        "files": as_request(differing(desired.programs, seen)),
        "logs": as_request({p: f for p, f in desired.logs.items() if (seen.get(p) or [])[1:] != owned(f)}),
    }
    off = [unit for unit in GUARDS if units.get(unit, {}).get("UnitFileState") != "enabled"]
    if off or any(path.startswith(UNITS) for path in found["files"]):
        found["then"] = [["systemctl", "daemon-reload"], ["systemctl", "enable", *GUARDS]]
    return found | {"then": found.get("then", [])} if any(found.values()) else None


def adoption(desired: Desired) -> dict[str, Any]:
    """What host/adopt.py is told."""
    catalogue = desired.site.catalogue
    return {
        "code": catalogue.code,
        "user": catalogue.user,
        "ours": desired.guard_units,
        "shared": list(desired.links),
        "data": list(catalogue.data),
        "catalogue": catalogue.model_dump(mode="json"),
        "services": [{"name": s.name, "unit": s.unit, "port": s.port} for s in desired.services],
    }


def builds(desired: Desired) -> list[dict[str, Any]]:
    """The folders whose dependencies a release installs, as host/dependencies.py is told."""
    programs = [*desired.services, *desired.site.timers_on(desired.host)]
    runtimes = {program.build: program.runtime for program in programs}
    scripts = {program.build for program in programs if program.scripts}
    return [{"path": path, "runtime": kind, "scripts": path in scripts} for path, kind in runtimes.items()]


def request(desired: Desired, revision: Revision, release: str, wanted: str) -> dict[str, Any]:
    """What host/prepare.py is told."""
    site, catalogue = desired.site, desired.site.catalogue
    return {
        "id": release,
        "digest": wanted,
        "commit": revision.commit,
        "revision": revision.name,
        "branch": revision.branch,
        "catalogue": catalogue.model_dump(mode="json"),
        "code": catalogue.code,
        "repository": site.settings.repository,
        "user": catalogue.user,
        "env": download_env(site.settings.network),
        "shared": list(desired.links),
        "generated": [catalogue.dotenv.path],
        "builds": builds(desired),
        "files": as_request(desired.files),
        "enabled": desired.enabled,
        "services": [
            {
                "name": s.name,
                "unit": s.unit,
                "port": s.port,
                "start_timeout": s.start_timeout,
                "paths": s.paths,
                "build": s.build,
                "files": unit_files(s, desired.files),
            }
            for s in desired.services
        ],
    }
