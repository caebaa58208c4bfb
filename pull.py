"""Set hosts up to deploy themselves: each gets this project, its environment and a timer. `make pull`."""

from pyinfra import host

from facts.look import look
from operations import base, pull, release
from operations.planning import planned
from stack.desired import load

wanted = load()[host.name]
base.connect_fast()
seen = look(host, wanted)  # one remote command

if seen is not None:
    plan = pull.possible(planned(wanted, seen))

    if plan.refusals:
        release.refuse(plan)
    else:
        base.provision(plan)
        pull.set_up(name="Pull from a timer", plan=plan)
