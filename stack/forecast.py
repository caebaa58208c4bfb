"""What a deploy would do to one host, as `make plan` shows it and a plan file keeps it. Pure."""

from __future__ import annotations

from typing import Any

from stack import diff
from stack.adoption import differences
from stack.desired import Desired
from stack.difference import owned
from stack.plan import Plan
from stack.planfile import steps


def forecast(
    desired: Desired,
    seen: dict[str, Any],
    plan: Plan,
    starts: dict[str, list[str]],
    commits: list[str] | None,
    key: str,
) -> dict[str, Any]:
    """`starts`: the services that would start, with their reasons; `commits`: those that the release brings,
    None when the git remote does not know the live one any more."""
    manifest, acts = seen.get("manifest") or {}, not (plan.empty or plan.refusals)
    there = seen.get("releases", {}).get(plan.release, {})
    target = plan.prepare["commit"] if plan.prepare else there.get("commit", "")
    return {
        "live": plan.live,
        "pending": plan.pending,
        "commit": manifest.get("commit"),
        "refusals": plan.refusals,
        "changes": not plan.empty,
        "release": "a new one" if plan.prepare else plan.release,
        "commits": commits,
        "packages": plan.packages,
        "user": desired.site.catalogue.user if plan.user else None,
        "adopt": differences(desired, seen["tree"], target, seen) if plan.adopt else None,
        "files": [*provided(desired, seen, plan, key), *released(desired, seen, key)] if acts else [],
        "enables": off(desired, seen) if acts else [],
        "starts": starts,
        "steps": steps(plan, seen),
    }


def off(desired: Desired, seen: dict[str, Any]) -> list[str]:
    """Units that are there, and that a restart of the host would not start."""
    states = {unit: seen.get("units", {}).get(unit, {}).get("UnitFileState") for unit in desired.enabled}
    return [unit for unit, state in states.items() if state and state != "enabled"]


def provided(desired: Desired, seen: dict[str, Any], plan: Plan, key: str) -> list[dict[str, Any]]:
    """Files and folders that outlive releases."""
    put, known = plan.put or {}, desired.programs | desired.trusted | desired.directories | desired.logs
    paths = [
        *plan.trusted,
        *(path for kind in ("directories", "files", "logs") for path in put.get(kind, ())),
    ]
    found = []
    for path in paths:
        now, told = seen.get("files", {}).get(path), seen.get("differing", {}).get(path)
        lines = diff.changes(told["host"], {"text": known[path].content}, key) if told and now else []
        found.append({"path": path, "change": "changed" if now else "new", "lines": lines})
    return found


def released(desired: Desired, seen: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Files of the release: what comes, changes, or goes with the live one."""
    told, found = seen.get("differing", {}), []
    for path, file in desired.files.items():
        now = seen.get("files", {}).get(path)
        if now is None:
            found.append({"path": path, "change": "new", "lines": []})
        elif now[0] != file.sha256:
            lines = (
                diff.changes(told[path]["host"], diff.wanted(path, file, key), key) if path in told else []
            )
            found.append({"path": path, "change": "changed", "lines": lines})
        elif now[1:] != owned(file):
            line = f"{' '.join(now[1:])} becomes {' '.join(owned(file))}"
            found.append({"path": path, "change": "mode or owner", "lines": [line]})
    gone = [path for path in (seen.get("manifest") or {}).get("files", {}) if path not in desired.files]
    return found + [{"path": path, "change": "goes", "lines": []} for path in gone]
