"""Roll back to the release that TO names, or to the good one before the live one: a deploy's steps,
without anything to fetch or to build. `pyinfra inventory.py rollback.py`, or `make rollback [TO=release]`.
"""

from pyinfra import host

from facts.look import look
from operations import base, release, service
from operations.planning import planned_rollback
from stack.desired import load

wanted = load()[host.name]
base.connect_fast()
seen = look(host, wanted)  # one remote command

if seen is not None:
    plan = planned_rollback(wanted, seen)  # decides everything below

    if plan.refusals:
        release.refuse(plan)
    elif plan.empty:
        base.nothing(name=f"Nothing to change: release {plan.release} is live")
    else:
        base.provision(plan)
        release.lock(plan)
        activation = release.activate(plan)
        for each in host.loop(wanted.site.catalogue.services):  # the documented order, on every host
            if each in wanted.services:
                service.start(name=f"Start {each.name}", service=each, plan=plan, activation=activation)
        release.confirm(plan)
