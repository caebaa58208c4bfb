"""Kills the collector at random moments and looks for what was promised: python3 loss.py --kills 50

Every update that was acknowledged before a kill must be in S3 once; nothing at all may be there twice.
"""

import argparse
import random
import signal
import time
from dataclasses import dataclass

from rig import Rig, Updates, until


@dataclass
class Outcome:
    kills: int
    acknowledged: int
    stored: int
    lost: int
    doubled: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged} acknowledged before one, {self.stored} in S3, "
            f"{self.lost} lost, {self.doubled} doubled"
        )


def acknowledged(rig: Rig) -> set[tuple[str, int]]:
    """By the collector's own word. The simulator numbers without gaps, so a range says it all."""
    _, status = rig.get("/status")
    return {
        (symbol, number)
        for symbol, seen in status["acknowledged"].items()
        for number in range(seen["first"], seen["last"] + 1)
    }


def aim(rig: Rig, chance: random.Random) -> None:
    """Waits for a moment to kill: any at all, or, two times in three, the middle of an upload."""
    time.sleep(chance.uniform(0.1, 0.8))
    if chance.random() < 1 / 3:
        return
    waiting = set(rig.spool.glob("*.closed"))
    end = time.monotonic() + 2
    while set(rig.spool.glob("*.closed")) <= waiting and time.monotonic() < end:
        time.sleep(0.0005)


def run(kills: int, seed: int = 1) -> Outcome:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    rig = Rig(FEED_URL="sim://market?seed=3&rate=1500")
    promised: set[tuple[str, int]] = set()
    try:
        rig.start_s3()
        for _ in range(kills):
            rig.start()
            until("the collector is healthy", rig.healthy)
            until("the uploader is at work", lambda: rig.metric("uploaded") > 0)
            aim(rig, chance)
            promised |= acknowledged(rig)
            time.sleep(chance.uniform(0, 0.02))
            rig.stop(rig.collector, signal.SIGKILL)
        rig.start()
        until("the collector is healthy", rig.healthy)
        rig.drain()
        rig.stop(rig.collector, signal.SIGKILL)
        found: Updates = rig.stored()
    finally:
        rig.down()
    doubled = sum(1 for count in found.values() if count > 1)
    return Outcome(kills, len(promised), len(found), len(promised - found.keys()), doubled)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcome = run(arguments.kills, arguments.seed)
    print(outcome)
    raise SystemExit(1 if outcome.lost or outcome.doubled or not outcome.acknowledged else 0)
