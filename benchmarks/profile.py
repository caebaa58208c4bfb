"""Where a deploy with nothing to change spends its time beyond the floor: `make bench-profile`, on the lab.

Each part is run by itself, again and again; the least of its times is its own, whatever else runs here.
"""

import json
import os
import subprocess
import sys
import time

from facts.look import request
from lab import ssh, state
from stack.desired import Desired, load
from stack.site import ROOT
from stack.transport import piped

# Statements for an interpreter of its own; each line comes on top of what the one above it has imported.
LAYERS = (
    ("python starts", "pass"),
    ("pyinfra is imported", "import pyinfra_cli.main"),
    ("pydantic and yaml are imported", "import pydantic, yaml"),
    ("the schema of catalogue and settings is built", "import stack.site"),
    (
        "what renders, and the operations, are imported",
        "import stack.desired, operations.release, operations.planning, operations.service, facts.look",
    ),
    ("catalogue, settings, secrets are read, hosts rendered", "stack.desired.load()"),
)
REPEATS = 15


def once(command: list[str], stdin: str = "") -> float:
    """Milliseconds of one run."""
    begin = time.monotonic()
    subprocess.run(command, cwd=ROOT, input=stdin, text=True, capture_output=True, check=True)
    return 1000 * (time.monotonic() - begin)


def least(command: list[str], stdin: str = "") -> float:
    """Milliseconds of the fastest of several runs."""
    return min(once(command, stdin) for _ in range(REPEATS))


def layers() -> list[tuple[str, float]]:
    """What each layer adds to those below it. Run in turn: machines have slow minutes."""
    titles, statements = zip(*LAYERS, strict=True)
    commands = [[sys.executable, "-c", "; ".join(statements[: n + 1])] for n in range(len(LAYERS))]
    rounds = [[once(command) for command in commands] for _ in range(REPEATS)]
    best = [min(column) for column in zip(*rounds, strict=True)]
    return [(title, now - below) for title, now, below in zip(titles, best, [0.0, *best], strict=False)]


def look(desired: Desired) -> float:
    """What looking at a host takes beyond running `true` there."""
    lab = state.read(ROOT, os.environ.get("LAB") or "quantlab")
    source = (ROOT / "host" / "look.py").read_text()
    stdin = f"{json.dumps(source)}\n{json.dumps(request(desired))}\n"
    return least(ssh.command(lab, lab.hosts[0], f"sudo {piped()}"), stdin) - least(
        ssh.command(lab, lab.hosts[0], "sudo true")
    )


def main() -> None:
    desired = next(iter(load().values()))
    settings = desired.site.settings
    rows = [("run.py is started, to start pyinfra", least([sys.executable, "-c", "import run"]))]
    rows += layers()
    rows.append(("the host is looked at", look(desired)))
    remote = ["git", "ls-remote", settings.repository, settings.branch]
    rows.append(("git asks the remote, meanwhile", least(remote)))
    for title, took in rows:
        print(f"{took:7.0f} ms  {title}")


if __name__ == "__main__":
    main()
