"""The plan file that PLAN names: checked against this checkout once, then against each host's look."""

import functools
import json
import os
from pathlib import Path
from typing import Any

from facts.revision import resolve
from stack.desired import load
from stack.errors import Refused
from stack.plan import Plan
from stack.planfile import Document, moved, revision, unfit

AGAIN = "next: make plan, and look at what a deploy would do now"


@functools.cache
def pinned() -> Document | None:
    """The plan to carry out; None without PLAN. Raises Refused when this checkout would do something else."""
    name = os.environ.get("PLAN")
    if not name:
        return None
    try:
        document = json.loads(Path(name).read_text())
        hosts, site = load(), next(iter(load().values())).site
        reasons = unfit(document, hosts, site.chosen(os.environ.get("LIMIT")), site.secrets())
        asked = os.environ.get("REV")
        if not reasons and asked and resolve(site.settings).commit != (commit := revision(document).commit):
            reasons = [f"it is for commit {commit[:12]}; REV={asked} is another one"]
    except OSError as error:
        raise Refused(f"PLAN={name}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused(f"PLAN={name}: is no plan file; `make plan PLAN={name}` writes one") from None
    if reasons:
        raise Refused(*(f"PLAN={name}: {reason}" for reason in reasons), f"PLAN={name}: {AGAIN}")
    return dict(document)


def held(plan: Plan, seen: dict[str, Any], document: Document) -> Plan:
    """The plan of one host, or a refusal that keeps every host of the run untouched."""
    planned = document["hosts"][plan.desired.host.name]
    reasons = [f"not as planned: {line}" for line in moved(planned, plan, seen)] if not plan.refusals else []
    if not reasons:
        return plan
    return Plan(plan.desired, refusals=[*reasons, f"  {AGAIN}"], kept_out=True, live=plan.live)
