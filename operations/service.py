"""Starts services in the documented order, each proved healthy before the next."""

import json
from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FunctionCommand, StringCommand, operation
from pyinfra.api.operation import OperationMeta

from operations.base import fail
from operations.release import digests
from stack.catalogue import Service
from stack.plan import Plan, must_start
from stack.transport import installed


@operation(is_idempotent=False)
def start(
    service: Service, plan: Plan, prepared: OperationMeta | None
) -> Generator[StringCommand | FunctionCommand, None, None]:
    """(Re)start `service` if it is down or its code, env or unit changed; pass only when healthy."""
    fresh = digests(prepared)
    if not must_start(plan, service, fresh):
        host.noop(f"{service.name} is up and unchanged")
        return
    if lost := lost_needs(service, plan):
        yield FunctionCommand(
            fail,
            [[f"{service.name} was not started: it needs {', '.join(lost)}, which failed"]],
            {},
        )
    request = {
        "name": service.name,
        "unit": service.unit,
        "port": service.port,
        "start_timeout": service.start_timeout,
        "code": plan.desired.site.catalogue.code,
        "release": plan.release,
        "run": plan.run,
        "digest": {**plan.digests, **fresh}.get(service.name, ""),
    }
    yield StringCommand(installed("start"), _sudo=True, _stdin=json.dumps(request))


def lost_needs(service: Service, plan: Plan) -> list[str]:
    """The services that this one needs from a host that has dropped out of the run."""
    site, failed = plan.desired.site, {host.name for host in state.failed_hosts}
    needs = [s for s in site.catalogue.services if s.name in service.needs]
    homes = {need.name: site.host_of(need, plan.desired.host).name for need in needs}
    return [f"{name} on {home}" for name, home in homes.items() if home in failed]
