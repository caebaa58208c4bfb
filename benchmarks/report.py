"""Keeps what was measured, and writes it into the docs: `python -m benchmarks.report` writes them anew."""

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import plot, stats, table
from benchmarks.contenders import VENV
from benchmarks.stats import Cell
from stack.site import ROOT

FILE = ROOT / "reports" / "bench.json"
PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"


def machine() -> dict[str, str]:
    """What the figures depend on, and nothing that names the machine."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    peers = _said(str(VENV / "bin/python"), "-c", _VERSIONS.format(names=["ansible-core", "mitogen"]))
    return {
        "processor": f"{os.cpu_count()} x {cpu[1] if cpu else platform.machine()}",
        "memory": f"{total:.0f} GB",
        "kernel": platform.release(),
        "software": f"Python {platform.python_version()}, "
        + _said(sys.executable, "-c", _VERSIONS.format(names=["pyinfra", "paramiko"]))
        + f", {peers}, {_said('ssh', '-V').split(',')[0]}",
        "commit": _said("git", "-c", "safe.directory=*", "rev-parse", "--short", "HEAD"),
    }


_VERSIONS = (
    "from importlib.metadata import version; print(', '.join(f'{{n}} {{version(n)}}' for n in {names}))"
)


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


def empty() -> dict[str, Any]:
    return {"machine": machine(), "cells": [], "downtime": []}


def kept() -> dict[str, Any]:
    """What was measured on this machine with this software; of another one nothing is of use."""
    if FILE.exists():
        found: dict[str, Any] = json.loads(FILE.read_text())
        if found["machine"] == machine():
            return found
    return empty()


def add(report: dict[str, Any], cell: Cell) -> None:
    """Keep a cell, in the place of one that was measured before."""
    same = (cell.case, cell.hosts, cell.distance)
    others = [c for c in report["cells"] if (c["case"], c["hosts"], c["distance"]) != same]
    order = list(table.CASES)
    report["cells"] = sorted(
        [*others, asdict(cell)], key=lambda c: (order.index(c["case"]), c["distance"], c["hosts"])
    )
    save(report)


def save(report: dict[str, Any]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(report, indent=1) + "\n")


def cells(report: dict[str, Any]) -> list[Cell]:
    return [Cell(**cell) for cell in report["cells"]]


def section(report: dict[str, Any]) -> str:
    """All tables, as they stand in the docs and on the screen."""
    found = cells(report)
    parts = ["; ".join(f"{key}: {value}" for key, value in report["machine"].items()) + "."]
    parts += [f"![Seconds of each case, on a logarithmic scale]({PLOT.name})"]
    parts += ["### Marks", table.marks(stats.marks(found))]
    parts += ["### Times", table.times(found), "### What a run costs", table.costs(found)]
    parts += ["### Time to healthy", table.healthy(found)]
    if report["downtime"]:
        parts += ["### Downtime of a service whose code changes", table.downtime(report["downtime"])]
    return "\n\n".join(parts)


def current(page: str, text: str) -> str:
    """The page with its figures written anew."""
    marked = re.compile(r"(<!-- bench -->\n).*?(<!-- end -->)", re.DOTALL)
    new, count = marked.subn(lambda found: f"{found[1]}{text}\n{found[2]}", page)
    if count != 1:
        raise ValueError("the page has no place for the figures: <!-- bench --> … <!-- end -->")
    return new


def write(report: dict[str, Any]) -> None:
    PAGE.write_text(current(PAGE.read_text(), section(report)))
    near = [cell for cell in cells(report) if not cell.distance and cell.case not in ("verify", "status")]
    PLOT.write_text(plot.svg(near))


if __name__ == "__main__":
    write(json.loads(FILE.read_text()))
