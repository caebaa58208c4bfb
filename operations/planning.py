"""Puts together what a plan needs: the run, the revision, a new release's name."""

import getpass
import os
import secrets
import socket
import time
from typing import Any

from pyinfra import host

from facts.preflight import preflight
from facts.revision import resolve
from facts.tree import tree
from operations.pinned import held, pinned
from stack.desired import Desired
from stack.errors import Refused
from stack.plan import Plan, plan, refusal_of, rollback
from stack.planfile import revision as pinned_revision
from stack.refusals import Run

_NOW = time.strftime("%Y%m%d-%H%M%S", time.gmtime())  # one name for all hosts of a run


def run() -> Run:
    """This command, one and the same for all of its hosts."""
    return _RUN


def planned(wanted: Desired, seen: dict[str, Any]) -> Plan:
    """The plan of a deploy to one host; a revision that cannot be resolved is a refusal like any other."""
    try:
        document = pinned()
        revision = pinned_revision(document) if document else resolve(wanted.site.settings)
    except Refused as refused:
        return Plan(wanted, refusals=list(refused.reasons))
    if seen.get("code") == "tree":
        seen |= {"tree": tree(host, wanted)}
    adopt = document["adopt"] if document else os.environ.get("ADOPT", "") not in ("", "0")
    check = os.environ.get("PREFLIGHT") != "0"
    release = f"{_NOW}-{revision.commit[:7]}"
    found = plan(wanted, seen, revision, release, run(), adopt=adopt, check=check)
    if document:
        found = held(found, seen, document)
    if check and not (found.refusals or found.empty) and (reasons := preflight(host, found)):
        return refusal_of(found, reasons)
    return found


def planned_rollback(wanted: Desired, seen: dict[str, Any]) -> Plan:
    """The plan of a rollback of one host, to the release that TO names or the good one before."""
    return rollback(wanted, seen, os.environ.get("TO") or None, run())


_RUN = Run(
    # run.py gives the run its name, so that it can end what an interrupt cut off.
    id=os.environ.get("QUANTLAB_RUN") or f"{_NOW}-{secrets.token_hex(3)}",
    by=os.environ.get("QUANTLAB_BY") or f"{getpass.getuser()}@{socket.gethostname()}",
    reason=os.environ.get("REASON")
    or f"deploy of {os.environ.get('PLAN') or os.environ.get('REV') or 'the default branch'}",
)
