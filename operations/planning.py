"""Puts together what the plan needs: the revision, the release's name, who deploys."""

import getpass
import time
from typing import Any

from facts.revision import resolve
from stack.desired import Desired
from stack.errors import Refused
from stack.plan import Plan, plan

_NOW = time.strftime("%Y%m%d-%H%M%S", time.gmtime())  # one name for all hosts of a run


def planned(wanted: Desired, seen: dict[str, Any]) -> Plan:
    """The plan for one host; a revision that cannot be resolved is a refusal like any other."""
    try:
        revision = resolve(wanted.site.settings)
    except Refused as refused:
        return Plan(wanted, refusals=list(refused.reasons))
    return plan(wanted, seen, revision, f"{_NOW}-{revision.commit[:7]}", getpass.getuser())
