"""`make lock REASON=…` keeps everybody else's deploys out, `make unlock` lets them in again."""

import os
import sys
from typing import Any

from operate.hosts import ask, verb
from operate.table import as_json, complain, number, print_json
from operations.planning import run
from stack.errors import Refused


def lock() -> int:
    """Lock every host for MINUTES (default 480). A host that is locked already keeps its lock."""
    reason = os.environ.get("REASON")
    if not reason:
        raise Refused("make lock needs REASON='why nobody else should deploy'")
    minutes = number("MINUTES", 480)
    who = {"id": f"kept-{run().id}", "by": run().by, "reason": reason}
    answers = ask(lambda _: verb("lock", run=who, seconds=minutes * 60))
    for name in (name for name, answer in answers.items() if not answer.error):
        print(f"{name}: locked for {minutes} min: {reason}")
    return complain(answers)


def unlock() -> int:
    """Take the lock off, whoever holds it, and say whose it was."""
    answers = ask(lambda _: verb("unlock"))
    held: dict[str, Any] = {n: a.json()["held"] for n, a in answers.items() if not a.error}
    if as_json():
        print_json(held)
    for name, entry in held.items():
        what = f"unlocked; it was held by {entry['by']}: {entry['reason']}" if entry else "was not locked"
        print(f"{name}: {what}", file=sys.stderr if as_json() else sys.stdout)
    return complain(answers)
