"""`make pull [EVERY=15min]`: hosts deploy themselves from a timer; `make pull OFF=1` ends that."""

import os

import run
from operate.hosts import ask, verb
from operate.table import complain
from stack.pull import EVERY, schedule
from stack.site import load as load_site


def pull() -> int:
    """Set the chosen hosts up with what this controller has now, or take it away again."""
    if os.environ.get("OFF", "") not in ("", "0"):
        return off()
    schedule(os.environ.get("EVERY") or EVERY)
    settings = load_site().settings
    os.environ["REV"] = settings.approved or settings.branch
    return run.main(["pull.py"])


def off() -> int:
    answers = ask(lambda _: verb("pull-off"))
    for name, answer in answers.items():
        if not answer.error:
            print(f"{name}: {'pulls no more' if answer.json()['was'] else 'did not pull'}")
    return complain(answers)
