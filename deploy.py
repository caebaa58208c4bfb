"""Deploy: look, plan, act, prove. `pyinfra inventory.py deploy.py`, or `make deploy`.

A fresh host and a running one take the same way; what is as it should be is left alone.
"""

from pyinfra import host

from facts import revision
from facts.look import look
from operations import base, release, service
from operations.planning import planned
from stack.desired import load

wanted = load()[host.name]
base.connect_fast()
revision.ask(wanted.site.settings)  # git answers while the host is looked at
seen = look(host, wanted)  # one remote command

if seen is not None:
    plan = planned(wanted, seen)  # decides everything below; refuses what could not succeed

    if plan.refusals:
        release.refuse(plan)
    elif plan.empty:
        base.nothing(name=f"Nothing to change: release {plan.release} is live")
    else:
        release.agree()  # with PLAN=: all hosts as planned, or none is touched
        base.provision(plan)
        release.preflight(plan)  # what a bare host could not be asked before
        release.lock(plan)
        release.prepare(plan)
        activation = release.activate(plan)
        for each in host.loop(wanted.site.catalogue.services):  # the documented order, on every host
            if each in wanted.services:
                service.start(name=f"Start {each.name}", service=each, plan=plan, activation=activation)
        release.confirm(plan)
