"""What one tick of a host that pulls decides: to deploy the approved release, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stack.desired import Desired, digest
from stack.difference import differing
from stack.revision import Revision

LATER = 75  # "not now": the next tick tries again, and nobody need be woken


@dataclass(frozen=True)
class No:
    """Why a tick does not deploy."""

    code: int
    why: str
    next: str


def judge(desired: Desired, revision: Revision, seen: dict[str, Any], lost: list[str]) -> No | None:
    """None: deploy. `seen` is what host/pulling.py told of the host, `lost` the services on other hosts that
    this host's services need and that do not answer."""
    wanted, live, releases = digest(revision.commit, desired.files), seen["live"], seen["releases"]
    now, name = releases.get(live), f"{revision.name} ({revision.commit[:7]})"
    here = f"ENV={desired.site.environment} LIMIT={desired.host.name}"
    by_hand = f"make deploy {here} REV={revision.name}"
    if held := seen["lock"]:
        return No(LATER, f"locked by {held['by']}: {held['reason']}", "the next tick tries again")
    # Whoever deployed from a controller with something newer must not be undone by what this host was given.
    newer = now and now["prepared"] > seen["since"] and now["digest"] != digest(now["commit"], desired.files)
    if newer or differing(desired.programs, seen["files"]):
        why = "this host was deployed with another version of the project, or other settings or secrets"
        return No(1, f"{why}, than it pulls with", f"make pull {here}, to renew what it pulls with")
    same = {release: one["state"] for release, one in releases.items() if one["digest"] == wanted}
    if "bad" in same.values() and "good" not in same.values():
        release = max(release for release, state in same.items() if state == "bad")
        why = f"{name} failed here before, as release {release}: {seen['why'].get(release, 'no reason kept')}"
        return No(1, f"{why}; it is not tried again", f"approve another commit, or try it again: {by_hand}")
    current = now and now["digest"] == wanted
    if not current and (seen["settled"] == wanted or same.get(seen["rolled_back"])):
        why = f"{name} was live before, and somebody put release {live} in its place"
        return No(LATER, f"{why}: it stays", f"approve another commit, or {by_hand}")
    if seen["going_back"]:
        why = f"the host is going back to release {seen['going_back']}"
        return No(LATER, why, "the next tick tries again")
    if lost:
        return No(LATER, f"waits for {', '.join(lost)}, needed here", "the next tick tries again")
    if current and seen["down"]:
        # Deploying the same again would, if that failed, take the host to an older release for an outage.
        why = f"{name} is live, but down: {', '.join(seen['down'])}; a tick does not start what is down"
        return No(1, why, f"make status {here}; make start {here}")
    return None


def elsewhere(desired: Desired) -> list[tuple[str, str, int]]:
    """Services on other hosts that this host's services need: what they are called, address and port."""
    site, found = desired.site, dict[str, tuple[str, str, int]]()
    needs = {need for service in desired.services for need in service.needs}
    for service in (s for s in site.catalogue.services if s.name in needs and s.port):
        home = site.host_of(service, desired.host)
        if home != desired.host:
            found[service.name] = (f"{service.name} on {home.name}", home.address, service.port or 0)
    return list(found.values())
