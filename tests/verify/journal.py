"""What the journal says of our units: errors since each one's current start, and every start of this boot."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tests.verify.connection import Connection

STARTED = "39f53479d3a045ac8e11786248231fbf"  # systemd's id of "Started <unit>"


@dataclass(frozen=True)
class Line:
    unit: str
    text: str


def entries(connection: Connection, *matches: str) -> list[dict[str, object]]:
    text = connection.output("journalctl --quiet --output=json --all", *matches, good=(0, 1))
    return [json.loads(line) for line in text.splitlines()]


def errors(connection: Connection, units: Mapping[str, Mapping[str, str]]) -> dict[str, list[Line]]:
    """The lines of error priority, or with "level":"error", of each unit's current invocation: its own
    lines and systemd's about it."""
    invocations = {p["InvocationID"]: unit for unit, p in units.items() if p.get("InvocationID")}
    if not invocations:
        return {}
    own = [f"_SYSTEMD_INVOCATION_ID={each}" for each in invocations]
    about = [f"INVOCATION_ID={each}" for each in invocations]
    matches = [*own, "+", *about]
    found: dict[str, dict[str, Line]] = defaultdict(dict)
    for narrow in (["--priority=err"], [r'--grep="level"\s*:\s*"(error|fatal)"', "--case-sensitive"]):
        for entry in entries(connection, "--boot", "--lines=200", *narrow, *matches):
            invocation = entry.get("_SYSTEMD_INVOCATION_ID")
            unit = invocations.get(str(invocation)) or invocations[str(entry["INVOCATION_ID"])]
            found[unit][str(entry["__CURSOR"])] = Line(unit, str(entry.get("MESSAGE")))
    return {unit: list(lines.values()) for unit, lines in found.items()}


def starts(connection: Connection) -> dict[str, list[int]]:
    """When each unit was started in this boot: microseconds of the monotonic clock."""
    found: dict[str, list[int]] = defaultdict(list)
    fields = "--output-fields=UNIT"
    for entry in entries(connection, "--boot", "--unit=quantlab*", fields, f"MESSAGE_ID={STARTED}"):
        if unit := entry.get("UNIT"):
            found[str(unit)].append(int(str(entry["__MONOTONIC_TIMESTAMP"])))
    return found
