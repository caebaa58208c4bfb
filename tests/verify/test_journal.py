"""The journal: no error of ours since each unit's current start."""

from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.saying import journal, require


def test_no_error_logged(where: Desired, seen: Observed, unit: str) -> None:
    """Neither by the unit's processes nor by systemd about it. A timer's job counts with its timer while
    its last run stands as failed: `systemctl reset-failed` says that somebody has seen to it."""
    names = [unit]
    job = unit.replace(".timer", ".service")
    if job != unit and seen.units.get(job, {}).get("Result") != "success":
        names.append(job)
    lines = [line for name in names for line in seen.errors.get(name, [])]
    quoted = "".join(f"\n    {line.text[:300]}" for line in lines[:5])
    said = f"{len(lines)} errors since its start, such as:{quoted}"
    require(not lines, where, unit, said, journal(where, names[-1]))
