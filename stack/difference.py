"""What of a host is not as it should be, by what the look told of it."""

from __future__ import annotations

from typing import Any

from stack.desired import Desired, unit_files
from stack.render import File


def owned(file: File) -> list[str]:
    """Mode, owner and group as the look tells them."""
    return [f"{file.mode:04o}", file.owner, file.group]


def differing(wanted: dict[str, File], seen: dict[str, Any], kind: str | None = None) -> dict[str, File]:
    """The files (or, with `kind`, folders) whose content, owner or mode is not as wanted."""
    return {
        path: file for path, file in wanted.items() if seen.get(path) != [kind or file.sha256, *owned(file)]
    }


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
