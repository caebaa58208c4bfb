"""How long a service does not answer while a deploy changes its code: asked every 20 ms, on the host."""

import json
import time
from pathlib import Path
from typing import Any

from benchmarks import revisions, scene
from benchmarks.contenders import Contender
from benchmarks.run import Bench
from lab.state import Host
from stack.catalogue import Service

POLL = Path(__file__).with_name("downtime_poll.py")
RESULT = "/run/bench-downtime"


def measure(bench: Bench, contenders: list[Contender], services: list[Service]) -> list[dict[str, Any]]:
    """One change of the code of each service that has a port, by each contender."""
    found = []
    for contender in contenders:
        (host,) = scene.members(contender.side, 1)
        for service in services:
            if service.port is None:
                continue
            revisions.change(contender.side, service.directory)
            watch(host, service.port)
            cost = bench.run(contender, "code")
            seconds = longest(answers(host))
            print(f"  downtime  {contender.title:24} {service.name:14} {seconds:6.2f} s", flush=True)
            found.append(
                {
                    "contender": contender.name,
                    "service": service.name,
                    "down": round(seconds, 2),
                    "seconds": round(cost.seconds, 2),
                }
            )
    return found


def watch(host: Host, port: int) -> None:
    """Begin to ask: in a unit of its own, which outlives this connection."""
    begin = f"rm -f {RESULT}*; cat >/run/bench-poll.py <<'POLL'\n{POLL.read_text()}\nPOLL\n"
    unit = "systemd-run --quiet --collect --unit=bench-downtime"
    scene.on_host(host, f"{begin}{unit} python3 -I /run/bench-poll.py {port} {RESULT}")
    time.sleep(0.5)


def answers(host: Host) -> list[tuple[float, bool]]:
    """Stop asking; when it was asked, and whether there was an answer."""
    text = scene.on_host(host, f"systemctl stop bench-downtime; cat {RESULT}")
    return [(at, good) for at, good in map(json.loads, text.splitlines())]


def longest(asked: list[tuple[float, bool]]) -> float:
    """Seconds between the last answer before a silence and the first one after it; the longest silence."""
    found, last = 0.0, None
    silent = False
    for at, good in asked:
        if good and silent and last is not None:
            found = max(found, at - last)
        silent = not good
        last = at if good else last
    if silent and last is not None:
        raise ValueError("it does not answer any more")
    return found
