"""Measures cells: one case, on so many hosts, at one distance, by every contender in turn."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import endstate, revisions, scene
from benchmarks.contenders import Contender, Side
from benchmarks.measure import Cost, measured
from lab.state import Host
from stack.site import ROOT

DIRECTORY = "services/labeld"  # of the service whose code the case "code" changes
BUDGET = 180  # seconds that one contender's runs of one cell may take, before they are not repeated again
FAILED = ROOT / "reports" / "bench-failed.log"
CHANGES = ("fresh", "env", "code", "rollback")


@dataclass
class Bench:
    """A stage that is set: hosts of both sides, deployed to, and who is to be measured there."""

    size: int
    base: scene.Base
    contenders: list[Contender]
    sides: dict[str, Side]
    spent: dict[str, float] = field(default_factory=dict)

    def run(self, contender: Contender, case: str) -> Cost:
        """One run, which must have done what the case says and no less or more."""
        side = self.sides[contender.side]
        environment = side.environment | contender.environment()
        cost = measured(contender.command(case, self.size), ROOT, environment)
        wrong = None
        if case == "nothing" and contender.deploys and contender.changed(cost.output):
            wrong = "it changed something, though there was nothing to change"
        if case in CHANGES and contender.deploys and not contender.changed(cost.output):
            wrong = "it changed nothing"
        if cost.code:
            wrong = "it ended with an error"
        if wrong:
            FAILED.parent.mkdir(exist_ok=True)
            FAILED.write_text(cost.output)
            raise SystemExit(f"bench: {contender.title}, {case}: {wrong}; see {FAILED.relative_to(ROOT)}")
        return cost

    def prepare(self, contender: Contender, case: str) -> None:
        """Make what the case changes, for its side of the lab."""
        side = self.sides[contender.side]
        if not contender.deploys:
            return
        for host in scene.members(side.name, self.size) if case in CHANGES else ():
            scene.on_host(host, "systemctl reset-failed 'quantlab-*'")  # nobody else restarts one that often
        if case == "fresh":
            self.base.fresh(scene.members(side.name, self.size))
            side.begin()
        elif case == "env":
            side.value += 1
            side.describe()
        elif case == "code":
            side.before = revisions.change(side.name, DIRECTORY)
        elif case == "rollback":
            revisions.move(side.name, side.before)

    def measure(self, cases: tuple[str, ...], rounds: int) -> dict[str, list[dict[str, Any]]]:
        """The cases, one after the other by each contender in turn; and all of that again."""
        found: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
        spent = {contender.name: 0.0 for contender in self.contenders}
        for number in range(rounds):
            for contender in self.contenders:
                own = [case for case in cases if case in contender.cases]
                if number and spent[contender.name] > BUDGET:
                    continue
                for case in own:
                    self.prepare(contender, case)
                    entry = self.measure_once(contender, case)
                    spent[contender.name] += entry["seconds"]
                    found[case].append(entry)
        return found

    def measure_once(self, contender: Contender, case: str) -> dict[str, Any]:
        (first,) = scene.members(contender.side, 1)
        before = sessions(first)
        cost = self.run(contender, case)
        entry = {
            "contender": contender.name,
            "seconds": round(cost.seconds, 3),
            "cpu": round(cost.cpu, 3),
            "memory": round(cost.memory, 1),
            "commands": sessions(first) - before - 1,  # the last look was one, too
        }
        if contender.name == "ours" and case in CHANGES:
            entry["healthy"] = healthy(self.sides["ours"], first.name)
        if contender.side == "peers" and case == "fresh":
            self.compare()
        print(
            f"  {case:9} {contender.title:24} {entry['seconds']:8.2f} s  {entry['commands']:4} commands",
            flush=True,
        )
        return entry

    def compare(self) -> None:
        """Refuse to go on when the peers have made something else than we."""
        ours, theirs = self.sides["ours"], self.sides["peers"]
        if (ours.value, revisions.tip("ours")) != (theirs.value, revisions.tip("peers")):
            return  # each was told to make something else
        deck = json.loads(Path(theirs.environment["PEERS"]).read_text())
        one, other = (endstate.seen(scene.members(side, 1)[0], deck) for side in scene.SIDES)
        wrong = [fault for state in (one, other) for fault in endstate.faults(state)]
        if wrong := wrong + endstate.differences(one, other):
            raise SystemExit("bench: the end states differ:\n" + "\n".join(wrong))


def sessions(host: Host) -> int:
    """How many commands (and file transfers) a host's sshd was asked for, by its own log."""
    count = "journalctl --sync; journalctl -q -o cat -u ssh | grep -c '^Starting session'"
    return int(scene.on_host(host, count))


def healthy(side: Side, host: str) -> dict[str, float]:
    """Seconds until each service of the last deploy or rollback was healthy, by the host's own history."""
    command = [sys.executable, "-m", "operate", "history"]
    environment = side.environment | {"JSON": "1", "COUNT": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    entries: list[dict[str, Any]] = json.loads(done.stdout)[host]
    last: dict[str, float] = entries[-1]["healthy"]
    return last


def stage(size: int, contenders: list[Contender], packages: Sequence[str]) -> Bench:
    """Set the stage: every host of a side deployed to, by that side's first contender; both the same."""
    sides = {name: Side(name, quiet=size > 1) for name in scene.SIDES}
    base = scene.Base(light=size >= scene.LIGHT_FROM)
    begin = time.monotonic()
    scene.lab("up", "--hosts", str(2 * size))
    base.ensure(packages, [Path(file) for file in scene.running().ca_certificates])
    bench = Bench(size, base, contenders, sides)
    first = {name: scene.members(name, 1) for name in scene.SIDES}
    base.fresh([host for hosts in first.values() for host in hosts])
    by = {"ours": Contender.named("ours"), "peers": Contender.named("pyinfra")}
    for name, side in sides.items():
        scene.write_hosts(name, first[name], None)
        side.begin()
        bench.run(by[name], "fresh")
    bench.compare()
    for name in scene.SIDES if size > 1 else ():
        (host,) = first[name]
        label = f"{base.label}-{size}-{name}"
        scene.lab("snapshot", host.name, label)
        scene.clone(scene.members(name, size)[1:], label, host)
    print(
        f"{size} host{'s' * (size > 1)} for each side, deployed to in {time.monotonic() - begin:.0f} s",
        flush=True,
    )
    return bench
