"""The plan: a pure function of desired and observed. No difference, no step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stack.adoption import differences, refusal
from stack.desired import GUARDS, Desired, digest, download_env, unit_files
from stack.render import UNITS, File

SUPPORTED = ("debian 12", "debian 13")
MEMORY_FREE_MB, INODES_FREE = 200, 10_000  # less than this, and a deploy does not start
OVERRIDE = "  to deploy all the same: PREFLIGHT=0 make deploy"


@dataclass(frozen=True)
class Revision:
    """What is to be deployed: the name that was asked for, and the commit that it is."""

    name: str
    commit: str
    branch: str


@dataclass(frozen=True)
class Run:
    """One command of an operator, as the hosts' locks and histories name it."""

    id: str
    by: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """The steps that one host needs, in the order in which they are carried out."""

    desired: Desired
    refusals: list[str] = field(default_factory=list)
    kept_out: bool = False  # by somebody's lock: then no other host is touched, either
    trusted: dict[str, File] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    user: bool = False
    put: dict[str, Any] | None = None
    adopt: dict[str, Any] | None = None
    prepare: dict[str, Any] | None = None
    activate: bool = False  # the release is made live, services that need it are started, all is proved
    kind: str = "deploy"
    release: str = ""  # to be live at the end
    live: str | None = None  # when the host was looked at
    pending: str | None = None  # a release whose activation nobody has confirmed
    starts: tuple[str, ...] = ()  # at most these; the host decides when it has the release

    @property
    def provisions(self) -> bool:
        return bool(self.trusted or self.packages or self.user or self.put)

    @property
    def empty(self) -> bool:
        return not (self.refusals or self.provisions or self.activate)


def owned(file: File) -> list[str]:
    """Mode, owner and group as the look tells them."""
    return [f"{file.mode:04o}", file.owner, file.group]


def differing(wanted: dict[str, File], seen: dict[str, Any], kind: str | None = None) -> dict[str, File]:
    """The files (or, with `kind`, folders) whose content, owner or mode is not as wanted."""
    return {
        path: file for path, file in wanted.items() if seen.get(path) != [kind or file.sha256, *owned(file)]
    }


def refusals(desired: Desired, observed: dict[str, Any], run: Run) -> list[str]:
    """Why a run on this host must not start."""
    if "refused" in observed:
        return [observed["refused"]]
    found, need = [], desired.site.settings.disk_free_mb
    if observed["os"] not in SUPPORTED:
        found.append(f"runs {observed['os']}; supported: {', '.join(SUPPORTED)}")
    if held := locked(observed, run):
        found.append(held)
    if observed["disk_free_mb"] < need:
        found.append(
            f"only {observed['disk_free_mb']} MB free under /opt; a deploy needs {need} (disk_free_mb)"
        )
    by_hand = observed.get("tree", {}).get("units", [])  # an adoption stops these, whatever ports they hold
    for service in desired.services:
        holder = observed.get("listeners", {}).get(str(service.port))
        if holder and holder[2] not in (f"{service.unit}.service", *(u.rsplit("/", 1)[1] for u in by_hand)):
            name, pid, unit = holder
            found.append(
                f"port {service.port} of {service.name} is held by {name} (pid {pid}, {unit}): stop it first"
            )
    return found


def locked(observed: dict[str, Any], run: Run) -> str | None:
    """Who keeps this run out, if anybody does. The host decides again when the run takes the lock."""
    lock = observed.get("lock")
    if not lock:
        return None
    if lock["boot"] == observed["boot"]:
        left = lock["until"] - observed["uptime"]
    else:
        left = lock["since"] + lock["seconds"] - observed["time"] if lock["kept"] else 0
    if left <= 0 or (lock["kept"] and lock["by"] == run.by):
        return None
    way = f"ask {lock['by']}" if lock["kept"] else "wait, or `make unlock` if that run is surely gone"
    return f"locked by {lock['by']}: {lock['reason']} (ends by itself in {left / 60:.0f} min); {way}"


def plan(
    desired: Desired,
    observed: dict[str, Any],
    revision: Revision,
    release: str,
    run: Run,
    *,
    adopt: bool = False,
    check: bool = True,
) -> Plan:
    """Compare, and say what is to be done. `release` names a new release, should one be needed.

    `observed` is what host/look.py printed; a bare host, which has no python yet, gives "os" and
    what a machine has free alone and so differs in everything. `adopt`: a host set up by hand may be taken
    over. `check`: a host that is short of something is refused.
    """
    refused = refusals(desired, observed, run)
    if observed.get("code") == "tree" and not adopt:
        lines = differences(desired, observed["tree"], revision.commit, observed)
        refused += refusal(desired, lines)
    if refused:
        kept_out = bool(locked(observed, run))
        return Plan(desired, refusals=refused, kept_out=kept_out, live=observed.get("release"))
    seen, live = observed.get("files", {}), observed.get("release")
    releases = observed.get("releases", {})
    wanted = digest(revision.commit, desired.files)
    same = [name for name, r in releases.items() if r["digest"] == wanted and r["state"] != "bad"]
    fresh = not same
    target = live if live in same else max(same, default=release)
    every = [service.name for service in desired.services]
    starts = every if fresh else to_start(desired, observed, releases[target]["services"])
    found = Plan(
        desired,
        trusted=differing(desired.trusted, seen),
        packages=sorted(set(desired.site.catalogue.packages) - set(observed.get("installed", []))),
        user=not observed.get("user", False),
        put=put(desired, observed),
        adopt=adoption(desired) if observed.get("code") == "tree" else None,
        prepare=request(desired, revision, release, wanted) if fresh else None,
        activate=fresh
        or target != live
        or releases[target]["state"] != "good"
        or bool(starts or observed["pending"] or unsettled(desired, observed)),
        release=str(target),
        live=live,
        pending=(observed.get("pending") or {}).get("id"),
        starts=tuple(starts),
    )
    short = shortages(observed) if check and not found.empty else []
    return refusal_of(found, short) if short else found


def refusal_of(found: Plan, reasons: list[str]) -> Plan:
    """The plan's refusal, for reasons that nobody knew before it was made."""
    return Plan(found.desired, refusals=[*reasons, OVERRIDE], live=found.live)


def shortages(observed: dict[str, Any]) -> list[str]:
    """What the machine has too little of to be changed; a deploy without changes, or back, needs none."""
    found = []
    if not observed.get("writable", True):
        found.append("/opt is mounted read-only")
    if (free := observed.get("memory_free_mb", MEMORY_FREE_MB)) < MEMORY_FREE_MB:
        found.append(f"only {free} MB of memory available; a deploy needs {MEMORY_FREE_MB}")
    if (left := observed.get("inodes_free") or INODES_FREE) < INODES_FREE:
        found.append(f"only {left} inodes free under /opt; a deploy needs {INODES_FREE}")
    return found


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


def rollback(desired: Desired, observed: dict[str, Any], to: str | None, run: Run) -> Plan:
    """Back to release `to`, or to the good one before the live one. Nothing is fetched or built."""

    def refuse(*reasons: str) -> Plan:
        kept_out = bool(locked(observed, run))
        return Plan(desired, list(reasons), kept_out=kept_out, kind="rollback", live=live)

    live, releases = observed.get("release"), observed.get("releases", {})
    if reasons := [r for r in refusals(desired, observed, run) if "MB free" not in r]:
        return refuse(*reasons)
    good = sorted(name for name, r in releases.items() if r["state"] == "good")
    target, names = to or observed.get("back"), ", ".join(good) or "none"
    if target is None and live is None:
        return refuse(f"no release is live (good: {names}); next: make deploy")
    if target is None:
        return refuse(f"release {live} is live; no good release is older (good: {names})")
    if target not in good:
        state = releases[target]["state"] if target in releases else "not on this host"
        return refuse(f"TO={target}: is {state}; good releases: {names}")
    down = to_start(desired, observed, releases[target]["services"])
    return Plan(
        desired,
        put=put(desired, observed),
        activate=target != live or bool(down or observed.get("pending")),
        kind="rollback",
        release=target,
        live=live,
        pending=(observed.get("pending") or {}).get("id"),
        starts=tuple(down),
    )


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


def to_start(desired: Desired, observed: dict[str, Any], digests: dict[str, str]) -> list[str]:
    """The services that are down, or were started from something else than a release with these digests,
    or whose env file or unit somebody changed."""
    running, files = observed.get("running", {}), observed["files"]
    return [
        s.name
        for s in desired.services
        if s.name in digests
        and (
            running.get(f"{s.unit}.service", {}).get(s.name) != digests[s.name]
            or any(
                (files.get(path) or [""])[0] != desired.files[path].sha256
                for path in unit_files(s, desired.files)
            )
        )
    ]


def unsettled(desired: Desired, observed: dict[str, Any]) -> bool:
    """Whether files, links or units of the live release are not as it put them."""
    units, services = observed["units"], {f"{service.unit}.service" for service in desired.services}
    active = [unit for unit in desired.enabled if unit not in services]
    return (
        bool(differing(desired.files, observed["files"]))
        or observed["links"] != desired.links
        or any(units.get(unit, {}).get("UnitFileState") != "enabled" for unit in desired.enabled)
        or any(units.get(unit, {}).get("ActiveState") != "active" for unit in active)
    )


def as_request(files: dict[str, File]) -> dict[str, Any]:
    return {
        path: {"content": f.content, "mode": f.mode, "owner": f.owner, "group": f.group}
        for path, f in files.items()
    }


def builds(desired: Desired) -> list[dict[str, Any]]:
    """The folders whose dependencies a release installs, as host/prepare.py is told."""
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
