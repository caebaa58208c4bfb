"""The plan: a pure function of desired and observed. No difference, no step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stack.adoption import differences, refusal
from stack.desired import Desired, digest
from stack.difference import differing, to_start, unsettled
from stack.refusals import OVERRIDE, Run, locked, refusals, shortages
from stack.render import File
from stack.requests import adoption, put, request
from stack.revision import Revision


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
