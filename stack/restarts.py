"""Which services a deploy would restart, and why. Pure.

The host decides by a digest of all that a service depends on (host/prepare.py); this is the same digest,
made before the host has the code, so that the answer is the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from stack.catalogue import Service
from stack.desired import Desired, unit_files

LOCKS = {"node": "package-lock.json", "python": "requirements.txt"}


@dataclass(frozen=True)
class Code:
    """What the git remote says of the code at the live and at the wanted commit, by service and by build."""

    before: dict[str, str]  # each service's `git ls-tree`
    after: dict[str, str]
    built: dict[str, str]  # each build's key at the wanted commit


def dependencies(path: str, version: str, lock: str, scripts: bool) -> str:
    """What installed dependencies depend on, as host/dependencies.py names it."""
    more = "scripts\n" if scripts else ""
    return hashlib.sha256(f"{path}\n{version}\n{more}{lock}".encode()).hexdigest()


def service_digest(desired: Desired, service: Service, code: Code) -> str:
    """As host/prepare.py makes it of the same things."""
    parts = [code.after[service.name], code.built[service.build]]
    for path in unit_files(service, desired.files):
        parts += [path, desired.files[path].content]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def restarts(
    desired: Desired, seen: dict[str, Any], digests: dict[str, str], code: Code | None
) -> dict[str, list[str]]:
    """The services that would start, in the documented order, each with its reasons. `digests` are those of
    the release that would be live; `code` is None when that release is on the host already."""
    found = {
        s.name: reasons(desired, seen, s, digests[s.name], code)
        for s in desired.services
        if s.name in digests
    }
    return {name: why for name, why in found.items() if why}


def reasons(
    desired: Desired, seen: dict[str, Any], service: Service, digest: str, code: Code | None
) -> list[str]:
    manifest, unit = seen.get("manifest") or {}, f"{service.unit}.service"
    if not manifest:
        return ["nothing is live yet"]
    if seen["units"].get(unit, {}).get("ActiveState") != "active":
        return ["it is down"]
    files = manifest["files"]
    by_hand = [
        path
        for path in unit_files(service, desired.files)
        if path in seen["differing"]
        and (seen["differing"][path]["now"] or [""])[0]
        not in (files.get(path, [""])[0], desired.files[path].sha256)
    ]
    found = [f"{path} was changed by hand" for path in by_hand]
    if seen["running"].get(unit, {}).get(service.name) != digest:
        found += changes(desired, manifest, service, code) or ["it runs from another release"]
    return found


def changes(desired: Desired, manifest: dict[str, Any], service: Service, code: Code | None) -> list[str]:
    """What of a service is not as in the live release."""
    if service.name not in [one["name"] for one in manifest["services"]]:
        return ["it is new on this host"]
    found = []
    if code:
        paths = changed_paths(code.before[service.name], code.after[service.name])
        found += [f"code: {', '.join(paths)}"] if paths else []
        if manifest["built"].get(service.build) != code.built[service.build]:
            found.append(f"dependencies of {service.build}")
    env, unit, *credentials = unit_files(service, desired.files)
    found += [
        word
        for word, path in (("env", env), ("unit", unit), *(("credential", path) for path in credentials))
        if manifest["files"].get(path, [""])[0] != desired.files[path].sha256
    ]
    return found


def changed_paths(before: str, after: str) -> list[str]:
    """The paths whose object differs between two listings of `git ls-tree`."""
    old, new = (
        {path: kind for kind, _, path in (line.partition("\t") for line in text.splitlines())}
        for text in (before, after)
    )
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
