"""A release: prepared beside the running one, activated, confirmed."""

import json
from collections.abc import Generator
from typing import Any

from pyinfra.api import StringCommand, operation
from pyinfra.api.operation import OperationMeta

from stack.plan import Plan
from stack.transport import installed

SETTLE = 2  # seconds that a service must have stayed up before its release counts as good


@operation(is_idempotent=False)
def call(verb: str) -> Generator[StringCommand, None, None]:
    """Run a verb of the host programs, its request on stdin."""
    yield StringCommand(installed(verb))


def prepare(plan: Plan) -> OperationMeta | None:
    """Build the new release; None when the active one is what is wanted."""
    if not plan.prepare:
        return None
    name = f"Prepare release {plan.release}"
    return call(verb="prepare", name=name, _sudo=True, _stdin=json.dumps(plan.prepare))


def digests(prepared: OperationMeta | None) -> dict[str, str]:
    """Each service's digest in the release just prepared; empty before it is (or if it was not)."""
    if prepared is None or not prepared.is_complete() or not prepared.did_succeed():
        return {}
    services: dict[str, str] = json.loads(prepared.stdout_lines[-1])["services"]
    return services


def activate(plan: Plan) -> None:
    if plan.activate:
        request = {"id": plan.release, "code": plan.desired.site.catalogue.code}
        call(
            verb="activate",
            name=f"Activate release {plan.release}",
            _sudo=True,
            _stdin=json.dumps(request),
        )


def confirm(plan: Plan) -> None:
    """The last step of every change: all services stayed up, the release is good."""
    if plan.activate or plan.starts or plan.confirm:
        request: dict[str, Any] = {
            "id": plan.release,
            "run": plan.run,
            "settle": SETTLE,
            "keep": plan.desired.site.settings.keep_releases,
            "services": [{"name": s.name, "unit": s.unit} for s in plan.desired.services],
        }
        call(
            verb="confirm",
            name=f"Confirm release {plan.release}",
            _sudo=True,
            _stdin=json.dumps(request),
        )
