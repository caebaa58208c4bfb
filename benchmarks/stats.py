"""What runs come to: medians, paired ratios, and the marks that this project has set itself. Pure."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from operations.release import SETTLE

Run = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One case, on so many hosts, at one distance: every run of it."""

    case: str
    hosts: int
    distance: int  # milliseconds that a round trip takes longer than near
    runs: list[Run]

    def of(self, contender: str, key: str = "seconds") -> list[float]:
        """One figure of each of a contender's runs, in the order in which they were made."""
        return [float(run[key]) for run in self.runs if run["contender"] == contender]

    def median(self, contender: str, key: str = "seconds") -> float | None:
        values = self.of(contender, key)
        return median(values) if values else None

    def ratio(self, contender: str, to: str) -> float | None:
        """How often longer `contender` takes than `to`: the median of what each turn gives."""
        pairs = zip(self.of(contender), self.of(to), strict=False)
        ratios = [one / other for one, other in pairs]
        return median(ratios) if ratios else None

    def healthy(self) -> float:
        """Seconds that the services which our runs restarted took to become healthy, in the middle one."""
        runs = [run["healthy"] for run in self.runs if run.get("healthy")]
        return median(sum(one.values()) for one in runs) if runs else 0.0


Cells = list[Cell]


def find(cells: Cells, case: str, hosts: int, distance: int = 0) -> Cell | None:
    wanted = (case, hosts, distance)
    return next((cell for cell in cells if (cell.case, cell.hosts, cell.distance) == wanted), None)


@dataclass(frozen=True)
class Mark:
    """A figure that must be reached, and whether it was."""

    text: str
    value: float
    limit: float
    good: bool


def at_most(text: str, value: float | None, limit: float) -> list[Mark]:
    return [] if value is None else [Mark(text, value, limit, value <= limit)]


def at_least(text: str, value: float | None, limit: float) -> list[Mark]:
    return [] if value is None else [Mark(text, value, limit, value >= limit)]


def marks(cells: Cells) -> list[Mark]:
    """Only those whose cells were measured."""
    found: list[Mark] = []
    if one := find(cells, "nothing", 1):
        found += at_most("nothing to change, 1 host: x the floor", one.ratio("ours", "exec"), 1.5)
        found += at_most("nothing to change, 1 host: remote commands", one.median("ours", "commands"), 2)
    if many := find(cells, "nothing", 20):
        found += at_most("nothing to change, 20 hosts: x their floor", many.ratio("ours", "exec"), 3)
        found += at_least(
            "nothing to change, 20 hosts: x faster than plain pyinfra", many.ratio("pyinfra", "ours"), 7
        )
    if env := find(cells, "env", 1):
        found += changed_env(env)
    return found


def changed_env(cell: Cell) -> list[Mark]:
    ours, floor = cell.median("ours"), cell.median("exec")
    if ours is None or floor is None:
        return []
    beyond = (ours - cell.healthy()) / floor
    found = at_most("one env value, 1 host: x the floor, without the service's own start", beyond, 2)
    text = f"… and without the {SETTLE} s for which it must then stay up"
    return found + at_most(text, beyond - SETTLE / floor, 2)
