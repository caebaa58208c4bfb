"""What must hold before a deploy touches a host: which questions, with which wanted values. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from stack.plan import Plan
from stack.refusals import OVERRIDE, Run


def late(plan: Plan) -> bool:
    """Whether the host cannot be asked everything before it has its packages, user and certificates."""
    return bool(plan.packages or plan.user or plan.trusted)


def request(plan: Plan, run: Run | None = None) -> dict[str, Any]:
    """What host/doctor/preflight.py is told; `run` once the run has begun."""
    desired, prepare = plan.desired, plan.prepare
    told = {
        "code": desired.site.catalogue.code,
        "env": [desired.files[f"/etc/quantlab/{service.env_file}"].content for service in desired.services],
        "fetch": prepare and {key: prepare[key] for key in ("repository", "user", "env", "commit")},
        "late": run is not None,
    }
    if run is None:
        return told
    return told | {"record": {"run": dataclasses.asdict(run), "kind": plan.kind}, "override": OVERRIDE}
