"""A made-up environment for tests: the real catalogue on made-up hosts, with secrets that are none."""

from pathlib import Path
from typing import Any

from stack import catalogue as catalogues
from stack.catalogue import Catalogue
from stack.desired import GUARDS, Desired, desired, digest
from stack.refusals import Run
from stack.revision import Revision
from stack.settings import Settings
from stack.site import ROOT, Site, place

CATALOGUE = ROOT / "group_data" / "catalogue.yaml"
REVISION = Revision("main", "0123456789abcdef0123456789abcdef01234567", "main")
RUN = Run("run-1", "me@here", "a deploy")
Roles = dict[str, list[tuple[str, dict[str, Any]]]]
ONE: Roles = {role: [("one", {})] for role in ("market", "research", "console")}
SPREAD: Roles = {
    "market": [("feed", {"ssh_hostname": "feed.example.com", "address": "192.0.2.11"})],
    "research": [("research", {"ssh_hostname": "192.0.2.12"})],
    "console": [("research", {"ssh_hostname": "192.0.2.12"})],
}


def catalogue() -> Catalogue:
    return catalogues.load(CATALOGUE)


def secrets(catalogue: Catalogue) -> dict[str, str]:
    return {name: f"made-up-{name.lower()}" for name in catalogue.secrets}


def settings(**changes: Any) -> Settings:
    s3 = {
        "endpoint": "https://s3.example.com",
        "compact_bucket": "compact",
        "archive_bucket": "runs",
    }
    given = {"repository": "https://git.example.com/x.git", "s3": s3, "secrets": "s", "identity": "i"}
    return Settings.model_validate(given | changes)


def site(roles: Roles = ONE, **changes: Any) -> Site:
    known = catalogue()
    return Site("made-up", known, settings(**changes), place("made-up", dict(roles), known))


def wanted(site: Site, host: str = "one") -> Desired:
    return desired(site, site.host(host), secrets(site.catalogue))


def bare() -> dict[str, Any]:
    """What the look says of a host that has no python yet."""
    return {"os": "debian 12", "disk_free_mb": 20_000}


def as_wanted(desired: Desired) -> dict[str, Any]:
    """What the look says of a host that is exactly as it should be."""
    files = {**desired.files, **desired.programs, **desired.trusted, **desired.logs}
    seen = {path: [f.sha256, f"{f.mode:04o}", f.owner, f.group] for path, f in files.items()}
    for path, folder in desired.directories.items():
        seen[path] = ["directory", f"{folder.mode:04o}", folder.owner, folder.group]
    up = {"UnitFileState": "enabled", "ActiveState": "active"}
    digests = {service.name: f"digest of {service.name}" for service in desired.services}
    ports = {service.port: service.unit for service in desired.services if service.port}
    return {
        **bare(),
        "installed": list(desired.site.catalogue.packages),
        "user": True,
        "files": seen,
        "links": desired.links,
        "units": {unit: dict(up) for unit in [*desired.enabled, *GUARDS]},
        "running": {f"{service.unit}.service": digests for service in desired.services},
        "listeners": {str(port): ["node", "77", f"{unit}.service"] for port, unit in ports.items()},
        "code": "link",
        "release": "live",
        "releases": {"live": summary(1, digest(REVISION.commit, desired.files), digests)},
        "back": None,
        "pending": None,
        "lock": None,
        "boot": "this",
        "uptime": 1000.0,
        "time": 1_800_000_000.0,
    }


def summary(number: int, digest: str, services: dict[str, str], state: str = "good") -> dict[str, Any]:
    """What the look says of a release."""
    return {
        "number": number,
        "digest": digest,
        "commit": REVISION.commit,
        "revision": "main",
        "prepared": "2026-01-15T00:00:00Z",
        "services": services,
        "state": state,
        "after": None,
    }


def root_with(folder: Path, catalogue: str, inventory: str, settings: str) -> Path:
    """A project folder that holds just the data: one environment called `test`."""
    for name, text in (
        ("group_data/catalogue.yaml", catalogue),
        ("inventory/test.py", inventory),
        ("group_data/test.py", settings),
    ):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return folder
