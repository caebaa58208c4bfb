"""`make bench`: measures, and writes reports/bench.json and the figures in docs/performance.md.

RUNS, HOSTS, CASES, DISTANCE and ONLY narrow it down; KEEP=1 leaves the lab as it is for the next time.
"""

import os
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import distance, downtime, report, scene
from benchmarks.contenders import CASES, PEERS, VENV, contenders
from benchmarks.run import Bench, stage
from benchmarks.stats import Cell
from stack.catalogue import load as load_catalogue
from stack.site import ROOT

FAR = 50  # milliseconds of a round trip
# Cases that are measured in one turn, and on how many hosts, near and far.
TURNS: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {
    ("fresh",): ((1,), ()),
    ("nothing",): ((1, 5, 20, 50), (1, 5, 20)),
    ("env",): ((1, 5), (1,)),
    ("code", "rollback"): ((1, 5), (1,)),
    ("verify",): ((1, 5), ()),
    ("status",): ((1, 5, 20, 50), (1,)),
}


@dataclass(frozen=True)
class Wish:
    """What the operator has asked for."""

    runs: int
    hosts: list[int]
    cases: list[str]
    distances: list[int]
    only: list[str]

    @property
    def whole(self) -> bool:
        """Whether every contender takes part: then a cell may replace what the report has of it."""
        return not self.only

    def turns(self, size: int, away: int) -> list[tuple[str, ...]]:
        def asked(turn: tuple[str, ...]) -> bool:
            return size in TURNS[turn][1 if away else 0] and any(case in self.cases for case in turn)

        return [turn for turn in TURNS if asked(turn)]


def wish(environment: dict[str, str]) -> Wish:
    """Read the variables; whatever is not known is refused before anything is started."""

    def words(name: str, known: list[str]) -> list[str]:
        found = [word for word in environment.get(name, "").split(",") if word]
        if unknown := [word for word in found if word not in known]:
            raise SystemExit(f"{name}={','.join(unknown)}: there are {', '.join(known)}")
        return found or known

    sizes = sorted({size for near, far in TURNS.values() for size in (*near, *far)})
    runs = environment.get("RUNS") or "5"
    if not runs.isdecimal() or not int(runs):
        raise SystemExit(f"RUNS={runs}: is not a number above 0")
    only = words("ONLY", [contender.name for contender in contenders()]) if environment.get("ONLY") else []
    return Wish(
        runs=int(runs),
        hosts=[int(word) for word in words("HOSTS", [str(size) for size in sizes])],
        cases=words("CASES", [*CASES, "downtime"]),
        distances=[int(word) for word in words("DISTANCE", ["0", str(FAR)])],
        only=only,
    )


def measure(bench: Bench, asked: Wish, away: int, found: dict[str, object]) -> None:
    """All cells of one stage at one distance."""
    hosts = {side: scene.members(side, bench.size) for side in scene.SIDES}
    beyond = [host.address for side in scene.SIDES for host in hosts[side] if away]
    with distance.far(beyond, away / 1000) as ports:
        waiting = iter(ports)
        for side, own in hosts.items():
            scene.write_hosts(side, own, [next(waiting) for _ in own] if away else None)
        for turn in asked.turns(bench.size, away):
            print(f"{bench.size} hosts, {away or 'no'} ms away: {', '.join(turn)}", flush=True)
            for case, runs in bench.measure(turn, asked.runs).items():
                report.add(found, Cell(case, bench.size, away, runs))


def check_deck() -> None:
    """Refuse a playbook that its own tool does not understand, before half an hour is spent."""
    check = [
        str(VENV / "bin" / "ansible-playbook"),
        "--syntax-check",
        "-i",
        "localhost,",
        str(PEERS / "site.yml"),
    ]
    if subprocess.run(check, stdout=subprocess.DEVNULL).returncode:
        raise SystemExit("bench: benchmarks/peers/site.yml is no playbook")


def main() -> int:
    asked = wish(dict(os.environ))
    check_deck()
    catalogue = load_catalogue(ROOT / "group_data" / "catalogue.yaml")
    found = report.kept() if asked.whole else report.empty()
    report.FILE = report.FILE if asked.whole else report.FILE.with_name("bench-only.json")
    try:
        for size in asked.hosts:
            alone = size == 1 and "downtime" in asked.cases
            if not (alone or asked.turns(size, 0) or asked.turns(size, FAR)):
                continue
            who = [c for c in contenders() if c.most >= size and (asked.whole or c.name in asked.only)]
            bench = stage(size, who, catalogue.packages)
            for away in asked.distances:
                measure(bench, asked, away, found)
            if alone:
                deploying = [c for c in who if c.name in ("ours", "pyinfra")]  # the rest restarts alike
                found["downtime"] = downtime.measure(bench, deploying, list(catalogue.services))
                report.save(found)
    finally:
        if not os.environ.get("KEEP"):
            scene.lab("down")
    print(report.section(found))
    if asked.whole:
        report.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
