"""Starts services in the documented order, each proved healthy before the next."""

from pyinfra import host, state
from pyinfra.api import operation
from pyinfra.api.operation import OperationMeta

from operations.release import Commands, command, starts
from stack.catalogue import Service
from stack.plan import Plan


@operation(is_idempotent=False)
def start(service: Service, plan: Plan, activation: OperationMeta | None) -> Commands:
    """(Re)start `service` if it is down or its code, env or unit changed; pass only when healthy."""
    if service.name not in starts(activation):
        host.noop(f"{service.name} is up and unchanged")
        return
    if lost := lost_needs(service, plan):
        why = f"{service.name} was not started: it needs {', '.join(lost)}, which failed"
        yield command("abort", why=why)
        return
    yield command("start", name=service.name)


def lost_needs(service: Service, plan: Plan) -> list[str]:
    """The services that this one needs from a host that has dropped out of the run."""
    site, failed = plan.desired.site, {host.name for host in state.failed_hosts}
    needs = [s for s in site.catalogue.services if s.name in service.needs]
    homes = {need.name: site.host_of(need, plan.desired.host).name for need in needs}
    return [f"{name} on {home}" for name, home in homes.items() if home in failed]
