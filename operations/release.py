"""A run's steps on a release: lock, prepare, activate, confirm. Each is one verb of the host programs."""

import dataclasses
import json
import os
from collections.abc import Generator
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.operation import OperationMeta

from operations.base import fail, hurry
from operations.planning import run
from stack.catalogue import Service
from stack.plan import Plan
from stack.preflight import late, request
from stack.transport import installed, piped, sent

SETTLE = 2  # seconds that a service must have stayed up before its release counts as good
Commands = Generator[StringCommand | FunctionCommand, None, None]

_asked: set[str] = set()  # hosts whose lock this run wants


def command(verb: str, **request: Any) -> StringCommand:
    """One verb, its request (which may hold secrets) on stdin."""
    told = {"run": dataclasses.asdict(run()), **request}
    return StringCommand(installed(verb), _sudo=True, _stdin=json.dumps(told))


def refuse(plan: Plan) -> None:
    """End this host's run before anything is touched; its history, if it has one, says why."""
    if plan.kept_out:
        _asked.add(host.name)
    refused(name="Refuse", plan=plan)


@operation(is_idempotent=False)
def refused(plan: Plan) -> Commands:
    if plan.live:
        code = plan.desired.site.catalogue.code
        yield command("record", kind=plan.kind, code=code, why="; ".join(plan.refusals))
    yield FunctionCommand(fail, [plan.refusals], {})


def agree() -> None:
    """With a plan file nothing is touched anywhere unless every host is still as it was planned."""
    if os.environ.get("PLAN"):
        agreed(name="Compare with the plan")


@operation(is_idempotent=False)
def agreed() -> Commands:
    if lost := sorted(host.name for host in state.failed_hosts):
        yield FunctionCommand(
            fail, [[f"{', '.join(lost)} cannot go as planned: nothing was changed here"]], {}
        )


def preflight(plan: Plan) -> None:
    """What the host could not be asked before it had packages, user and certificates."""
    if plan.activate and late(plan) and os.environ.get("PREFLIGHT") != "0":
        checked(name="Preflight", plan=plan)


@operation(is_idempotent=False)
def checked(plan: Plan) -> Commands:
    yield StringCommand(piped(), _sudo=True, _stdin=sent("doctor.preflight.answer", request(plan, run())))


def lock(plan: Plan) -> None:
    """Take the lock of every host that will change, one host after the other in the order of their names:
    of two runs that want the same hosts, one gets the first host and with it all others."""
    if plan.activate:
        _asked.add(host.name)
        take(name="Lock", plan=plan, _serial=True)


@operation(is_idempotent=False)
def take(plan: Plan) -> Commands:
    yield from all_locked()
    yield command("take", code=plan.desired.site.catalogue.code, live=plan.live, pending=plan.pending)


def all_locked() -> Commands:
    """Nothing is touched anywhere unless every lock was got."""
    if lost := sorted(_asked & {host.name for host in state.failed_hosts}):
        line = f"{', '.join(lost)} could not be locked: nothing was changed here"
        yield command("abort", why=line)
        yield FunctionCommand(fail, [[line]], {})


def prepare(plan: Plan) -> None:
    if plan.adopt:
        adopted(name="Adopt what was set up by hand as release 0-by-hand", plan=plan)
    if plan.prepare:
        prepared(name=f"Prepare release {plan.release}", plan=plan)


@operation(is_idempotent=False)
def prepared(plan: Plan) -> Commands:
    """Build the new release beside the live one."""
    yield from all_locked()
    yield command("prepare", **(plan.prepare or {}))


@operation(is_idempotent=False)
def adopted(plan: Plan) -> Commands:
    yield from all_locked()
    yield command("adopt", **(plan.adopt or {}))


def activate(plan: Plan) -> OperationMeta | None:
    """Make the release live; None when the host is as it should be."""
    if not plan.activate:
        return None
    return activated(name=f"Activate release {plan.release}", plan=plan)


@operation(is_idempotent=False)
def activated(plan: Plan) -> Commands:
    yield from all_locked()
    after = plan.desired.site.settings.revert_after
    yield command("activate", id=plan.release, kind=plan.kind, revert_after=after)


def starts(activation: OperationMeta | None) -> list[str]:
    """The services that the host wants started, once it has activated its release."""
    if activation is None or not activation.is_complete() or not activation.did_succeed():
        return []
    names: list[str] = json.loads(activation.stdout_lines[-1])["starts"]
    return names


@operation(is_idempotent=False)
def abort(why: str) -> Commands:
    """Give up what this run has begun on the host, if it has, and return its lock."""
    yield command("abort", why=why)


def confirm(plan: Plan) -> None:
    """The last step of every change: all services stayed up, and the host can still be reached."""
    if plan.activate:
        confirmed(name=f"Confirm release {plan.release}", plan=plan)


@operation(is_idempotent=False)
def confirmed(plan: Plan) -> Commands:
    settings = plan.desired.site.settings
    lost = {need: s.name for s in plan.desired.services for need in lost_needs(s, plan)}
    if lost:  # nothing of this host failed, but what it would confirm was made for what did
        needs = ", ".join(f"{service} needs {need}" for need, service in lost.items())
        yield command("abort", why=f"{needs}, which failed")
        return
    yield FunctionCommand(log_in_again, [settings.revert_after], {})
    yield command("confirm", settle=SETTLE, keep=settings.keep_releases)


def lost_needs(service: Service, plan: Plan) -> list[str]:
    """The services that this one needs from a host that has dropped out of the run."""
    site, failed = plan.desired.site, {host.name for host in state.failed_hosts}
    needs = [s for s in site.catalogue.services if s.name in service.needs]
    homes = {need.name: site.host_of(need, plan.desired.host).name for need in needs}
    return [f"{name} on {home}" for name, home in homes.items() if home in failed]


def log_in_again(state: State, host: Host, seconds: int) -> bool:
    """A connection that is open says nothing of whether the next one will be."""
    old = getattr(host.connector, "client", None)
    if old is None:
        return True  # not over SSH
    host.disconnect()
    host.connect()
    if not host.connected:
        lines = [f"no new SSH login: the host goes back by itself within {seconds} s"]
        return fail(state, host, lines)
    old.close()
    hurry(host)
    return True
