"""`make faults [ONLY=word]`: causes every fault on lab hosts of its own; a table of end states."""

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.faults.matrix import Row, rows
from tests.faults.rig import LAB, Rig
from tests.lab.machines import ROOT

HOSTS = int(os.environ.get("HOSTS") or 2)


def lab(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "lab", *words], env={**os.environ, "LAB": LAB}, cwd=ROOT, check=True
    )


def work(rig: Rig, todo: "queue.Queue[Row]", done: dict[Row, str]) -> None:
    while True:
        try:
            row = todo.get_nowait()
        except queue.Empty:
            return
        began = time.monotonic()
        try:
            done[row] = row.cause(rig)
        except (AssertionError, subprocess.SubprocessError, OSError) as error:
            done[row] = f"WRONG: {error}"
        first = done[row].splitlines()[0]
        print(f"{row.fault} | {row.step} | {first} | {time.monotonic() - began:.0f} s", flush=True)
        if not done[row].startswith(("old", "new")):
            print(done[row], flush=True)
            rig.unlock()
            rig.run("deploy.py", REV=rig.revision())


def table(ends: dict[tuple[str, str], str]) -> str:
    """The rows as Markdown; steps at which the same fault ends the same share one."""
    steps: dict[tuple[str, str], list[str]] = {}
    for (fault, step), end in ends.items():
        steps.setdefault((fault, end), []).append(step)
    lines = [f"| {fault} | {', '.join(at)} | {end} |" for (fault, end), at in steps.items()]
    return "\n".join(["| fault | at | the host ends |", "|---|---|---|", *lines]) + "\n"


def main() -> int:
    words = os.environ.get("ONLY", "").split("|")
    wanted = [r for r in rows() if any(word in f"{r.fault} {r.step}" for word in words)]
    lab("up", "--hosts", str(HOSTS))
    places = [tempfile.mkdtemp(prefix="faults-") for _ in range(HOSTS)]
    rigs = [Rig(position, Path(place)) for position, place in enumerate(places)]
    for rig in rigs:
        rig.deploy()
        rig.deploy(rig.revision())
    todo: queue.Queue[Row] = queue.Queue()
    for row in wanted:
        todo.put(row)
    done: dict[Row, str] = {}
    threads = [threading.Thread(target=work, args=(rig, todo, done)) for rig in rigs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = Path(ROOT, "reports", "faults.md")
    report.parent.mkdir(exist_ok=True)
    report.write_text(table({(row.fault, row.step): done[row].splitlines()[0] for row in wanted}))
    print(report.read_text())
    lab("down")
    for place in places:
        shutil.rmtree(place)
    return 1 if any("WRONG" in end for end in done.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
