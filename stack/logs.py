"""Where programs leave their log lines, from when on they are wanted, and how one is shown. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stack.catalogue import Timer
from stack.desired import Desired
from stack.errors import Refused

UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
UNITS |= {"d": 86400, "day": 86400, "w": 604800, "week": 604800}
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def sources(wanted: Desired, names: Collection[str]) -> list[dict[str, Any]]:
    """Of each named program on a host: its units, and the files that it alone writes.

    A file that outlives releases is a log (it is rotated as one); what is kept in folders is data.
    """
    found: list[dict[str, Any]] = []
    for program in (*wanted.services, *wanted.site.timers_on(wanted.host)):
        if program.name not in names:
            continue
        units = [f"{program.unit}.service"]
        files = [wanted.links[item.path] for item in program.shared if item.kind == "file"]
        if isinstance(program, Timer):
            units.append(f"{program.unit}-by-hand.service")  # `make ml`
            files.append(program.log)
        found.append({"name": program.name, "units": units, "files": files})
    return found


def since(text: str, now: datetime) -> float:
    """The time that SINCE means, in journalctl's forms. Times of day are UTC, as they are shown."""
    words = text.strip().lower()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": day, "yesterday": day - timedelta(days=1)}
    if words in named:
        return named[words].timestamp()
    if re.fullmatch(r"@\d+", words):
        return float(words[1:])
    span = words.removeprefix("-").removesuffix("ago").strip()
    parts = SPAN.findall(span)
    singular = [(float(number), unit if unit in UNITS else unit.removesuffix("s")) for number, unit in parts]
    if parts and not SPAN.sub("", span) and all(unit in UNITS for _, unit in singular):
        return now.timestamp() - sum(number * UNITS[unit] for number, unit in singular)
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", words):
        words = f"{now:%Y-%m-%d} {words:0>5}"
    try:
        at = datetime.fromisoformat(words.upper().removesuffix(" UTC"))
    except ValueError:
        raise Refused(
            f"SINCE={text}: no time; write '10 min ago', 1h, yesterday, 10:00, '2026-11-25 10:00' (UTC)"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class Line:
    """A line of a log. What a program writes as JSON is taken apart, anything else is the message."""

    at: float
    host: str
    program: str
    level: str
    message: str
    fields: dict[str, Any]

    @property
    def time(self) -> str:
        shown = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return shown.replace("+00:00", "Z")

    @property
    def short(self) -> str:
        """For eyes: what it says, then its other fields."""
        more = [f"{key}={clipped(value)}" for key, value in self.fields.items()]
        level = f"{self.level:5}  " if self.level else ""
        # What a log holds must not command the terminal that shows it.
        return CONTROL.sub("\N{REPLACEMENT CHARACTER}", level + "  ".join([self.message, *more]))

    @property
    def record(self) -> dict[str, Any]:
        """For machines."""
        about = {"time": self.time, "host": self.host, "service": self.program}
        return about | {"level": self.level or None, "message": self.message, "fields": self.fields}


def clipped(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= 80 else f"{text[:79]}…"


def finite(text: str) -> float | str:
    """JSON that we print ourselves has no infinite numbers."""
    value = float(text)
    return value if math.isfinite(value) else text


def line(host: str, told: str) -> Line:
    """What a host told of a line: [time, program, text]."""
    at, program, text = json.loads(told)
    try:
        value = json.loads(text, parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("message"), str):
        return Line(at, host, program, "", text, {})
    fields = {key: kept for key, kept in value.items() if key not in ("time", "level", "message")}
    return Line(at, host, program, str(value.get("level", "")), value["message"], fields)
