"""The journal: no error of ours since each unit's current start."""

from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.saying import journal, require


def test_no_error_logged(where: Desired, seen: Observed, unit: str) -> None:
    """Neither by the unit's processes nor by systemd about it. A timer's job counts with its timer."""
    names = [unit, unit.replace(".timer", ".service")]
    lines = [line for name in dict.fromkeys(names) for line in seen.errors.get(name, [])]
    quoted = "".join(f"\n    {line.text[:300]}" for line in lines[:5])
    require(
        not lines, where, unit, f"{len(lines)} errors since its start, such as:{quoted}", journal(where, unit)
    )
