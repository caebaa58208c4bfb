"""The faults: each is caused in a run, and the host's end state is told as old, new, or broken and why."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import special
from tests.faults.rig import Rig
from tests.faults.verdict import judged

STEPS = ["Lock", "Prepare", "Activate"]
SERVICES = [
    *("replayd", "collector", "featurexd", "labeld", "strategyd"),
    *("backtestd", "job-worker", "observer", "observer-api", "console-ui"),
]
STARTS = [f"Start {name}" for name in SERVICES]
DEPLOY = [*STEPS, *STARTS, "Confirm"]
ROLLBACK = ["Lock", "Activate", *STARTS, "Confirm"]


@dataclass(frozen=True)
class Row:
    """A fault at a step; `cause` causes it and says how the host ended."""

    fault: str
    step: str
    cause: Callable[[Rig], str]


def disturbed_deploy(how: str, step: str) -> Callable[[Rig], str]:
    def cause(rig: Rig) -> str:
        old = rig.end().live
        ended = rig.run("deploy.py", step, getattr(rig, how), REV=rig.revision())
        found = judged(rig.end(), old, rig.commit, ended)
        rig.unlock()
        return found

    return cause


def disturbed_rollback(how: str, step: str) -> Callable[[Rig], str]:
    def cause(rig: Rig) -> str:
        new = rig.end().live
        rig.deploy(rig.revision())
        old = rig.end().live
        ended = rig.run("rollback.py", step, getattr(rig, how))
        found = judged(rig.end(), old, new, ended)
        rig.unlock()
        return found

    return cause


def rows() -> list[Row]:
    found = []
    for how, what in (("kill", "controller killed"), ("cut", "network cut")):
        found += [Row(f"{what} in a deploy", step, disturbed_deploy(how, step)) for step in DEPLOY]
        found += [Row(f"{what} in a rollback", step, disturbed_rollback(how, step)) for step in ROLLBACK]
    for step in ("Prepare", "Activate", "Start replayd", "Start job-worker", "Confirm"):
        found.append(Row("host restarted in a deploy", step, disturbed_deploy("reboot", step)))
        if step != "Prepare":
            found.append(Row("host restarted in a rollback", step, disturbed_rollback("reboot", step)))
    for name in SERVICES:
        found.append(Row("service ends at once", name, special.ends(name)))
    for name in ("featurexd", "console-ui"):
        found.append(Row("service never healthy", name, special.never_healthy(name)))
    for step in ("Activate", "Start featurexd"):
        found.append(Row("host loses its power in a deploy", step, disturbed_deploy("power_off", step)))
    return found + [Row(fault, step, cause) for fault, step, cause in special.ROWS]
