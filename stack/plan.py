"""The plan: a pure function of desired and observed. No difference, no step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stack.catalogue import Service
from stack.desired import Desired, digest, download_env, unit_files
from stack.render import File

SUPPORTED = ("debian 12", "debian 13")


@dataclass(frozen=True)
class Revision:
    """What is to be deployed: the name that was asked for, and the commit that it is."""

    name: str
    commit: str
    branch: str


@dataclass(frozen=True)
class Plan:
    """The steps that one host needs, in the order in which they are carried out."""

    desired: Desired
    refusals: list[str] = field(default_factory=list)
    trusted: dict[str, File] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    user: bool = False
    put: dict[str, Any] | None = None
    prepare: dict[str, Any] | None = None
    release: str = ""  # to be live at the end
    run: str = ""  # names this run, so that the last step knows what it started
    activate: bool = False
    digests: dict[str, str] = field(default_factory=dict)  # known ones; a new release brings its own
    running: dict[str, str] = field(default_factory=dict)  # digest that each active service was started with
    confirm: bool = False

    @property
    def empty(self) -> bool:
        return (
            not any(
                (
                    self.refusals,
                    self.trusted,
                    self.packages,
                    self.user,
                    self.put,
                    self.prepare,
                    self.activate,
                    self.starts,
                )
            )
            and not self.confirm
        )

    @property
    def starts(self) -> list[Service]:
        """The services that are known to need a (re)start."""
        return [s for s in self.desired.services if must_start(self, s, {})]


def must_start(plan: Plan, service: Service, prepared: dict[str, str]) -> bool:
    """A service starts when it is down, or was started from other code, env or unit."""
    wanted = {**plan.digests, **prepared}.get(service.name)
    return wanted is None or plan.running.get(service.name) != wanted


def owned(file: File) -> list[str]:
    """Mode, owner and group as the look tells them."""
    return [f"{file.mode:04o}", file.owner, file.group]


def differing(wanted: dict[str, File], seen: dict[str, Any], kind: str | None = None) -> dict[str, File]:
    """The files (or, with `kind`, folders) whose content, owner or mode is not as wanted."""
    return {
        path: file for path, file in wanted.items() if seen.get(path) != [kind or file.sha256, *owned(file)]
    }


def refusals(desired: Desired, observed: dict[str, Any]) -> list[str]:
    """Why a deploy to this host must not start."""
    found, need = [], desired.site.settings.disk_free_mb
    if observed["os"] not in SUPPORTED:
        found.append(f"runs {observed['os']}; supported: {', '.join(SUPPORTED)}")
    if observed["disk_free_mb"] < need:
        found.append(
            f"only {observed['disk_free_mb']} MB free under /opt; a deploy needs {need} (disk_free_mb)"
        )
    if observed.get("code") == "tree":
        found.append(
            f"{desired.site.catalogue.code} is a plain folder, not a link to a release: move it away first"
        )
    for service in desired.services:
        holder = observed.get("listeners", {}).get(str(service.port))
        if holder and holder[2] != f"{service.unit}.service":
            name, pid, unit = holder
            found.append(
                f"port {service.port} of {service.name} is held by {name} (pid {pid}, {unit}): stop it first"
            )
    return found


def plan(desired: Desired, observed: dict[str, Any], revision: Revision, release: str, by: str) -> Plan:
    """Compare, and say what is to be done. `release` names a new release, should one be needed.

    `observed` is what host/look.py printed; a bare host, which has no python yet, gives "os" and
    "disk_free_mb" alone and so differs in everything.
    """
    catalogue = desired.site.catalogue
    if refused := [observed["refused"]] if "refused" in observed else refusals(desired, observed):
        return Plan(desired, refusals=refused)
    seen = observed.get("files", {})
    put = {
        "directories": as_request(differing(desired.directories, seen, "directory")),
        "files": as_request(differing(desired.programs, seen)),
        "logs": as_request({p: f for p, f in desired.logs.items() if (seen.get(p) or [])[1:] != owned(f)}),
        "then": [],
    }
    manifest = observed.get("manifest") or {}
    wanted = digest(revision.commit, desired.files)
    fresh = manifest.get("digest") != wanted
    drifted = bool(differing(desired.files, seen)) or observed.get("links") != desired.links
    units = observed.get("units", {})
    unit_off = any(units.get(unit, {}).get("UnitFileState") != "enabled" for unit in desired.enabled)
    timers = [unit for unit in desired.enabled if unit.endswith(".timer")]
    timer_off = any(units.get(unit, {}).get("ActiveState") != "active" for unit in timers)
    started = observed.get("started", {})
    return Plan(
        desired,
        trusted=differing(desired.trusted, seen),
        packages=sorted(set(catalogue.packages) - set(observed.get("installed", []))),
        user=not observed.get("user", False),
        put=put if any(put.values()) else None,
        prepare=request(desired, revision, release, wanted, by) if fresh else None,
        release=release if fresh else observed["release"],
        run=release,
        activate=fresh or drifted or unit_off or timer_off,
        digests={} if fresh else manifest["services"],
        running={
            s.name: started.get(s.name, {}).get("digest", "")
            for s in desired.services
            if units.get(f"{s.unit}.service", {}).get("ActiveState") == "active"
            and all((seen.get(path) or [""])[0] == desired.files[path].sha256 for path in unit_files(s))
        },
        confirm=fresh
        or (observed.get("state") or {}).get("state") != "good"
        or units.get("quantlab.target", {}).get("ActiveState") != "active",
    )


def as_request(files: dict[str, File]) -> dict[str, Any]:
    return {
        path: {"content": f.content, "mode": f.mode, "owner": f.owner, "group": f.group}
        for path, f in files.items()
    }


def request(desired: Desired, revision: Revision, release: str, wanted: str, by: str) -> dict[str, Any]:
    """What host/prepare.py is told."""
    site, catalogue = desired.site, desired.site.catalogue
    programs = [*desired.services, *site.timers_on(desired.host)]
    builds = {program.build: program.runtime for program in programs}
    return {
        "id": release,
        "digest": wanted,
        "commit": revision.commit,
        "revision": revision.name,
        "branch": revision.branch,
        "by": by,
        "catalogue": catalogue.version,
        "repository": site.settings.repository,
        "user": catalogue.user,
        "env": download_env(site.settings.network),
        "shared": list(desired.links),
        "generated": [catalogue.dotenv.path],
        "builds": [{"path": path, "runtime": runtime} for path, runtime in builds.items()],
        "files": as_request(desired.files),
        "enabled": desired.enabled,
        "services": {
            s.name: {"paths": s.paths, "build": s.build, "files": unit_files(s), "unit": s.unit}
            for s in desired.services
        },
    }
