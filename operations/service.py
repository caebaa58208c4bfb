"""Starts services in the documented order, each proved healthy before the next."""

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.operation import OperationMeta

from operations.release import Commands, command, lost_needs, starts
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
