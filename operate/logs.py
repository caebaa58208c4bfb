"""`make logs [SERVICE=…] [SINCE=…] [FOLLOW=1] [LINES=n]`: journals and log files of all hosts."""

import json
import os
import sys
from datetime import UTC, datetime
from functools import partial

from operate.control import asked
from operate.hosts import Answer, Connected, Question, verb
from operate.table import as_json, complain, given, number, painted
from stack.desired import Desired, load
from stack.errors import Refused
from stack.logs import Line, line, since, sources
from stack.site import load as load_site

MOST = 10_000  # lines since a time that is given: a host's memory has an end
COLOURS = {"error": "red", "warn": "yellow"}


def show() -> int:
    """Exit code 0: every host that has one of the services told its lines."""
    site, wanted, text = load_site(), load(), os.environ.get("SINCE")
    names = [program.name for program in asked(site.catalogue.programs, os.environ.get("SERVICE", ""))]
    start, follow = max(0.0, since(text, datetime.now(UTC))) if text else None, given("FOLLOW")
    most = number("LINES", MOST if text else 10 if follow else 100)
    homes = [n for n in site.chosen(os.environ.get("LIMIT")) if sources(wanted[n], names)]
    if not homes:
        raise Refused(f"LIMIT={os.environ['LIMIT']}: none of these hosts has {', '.join(names)}")
    hosts = Connected(homes)
    failed = complain(hosts.errors)
    tell = partial(told, wide=max(map(len, names)), several=len(homes) > 1)
    found: list[Line] = []
    for host, said in hosts.stream(partial(question, names, start, most, follow), hosts.names):
        if isinstance(said, Answer):
            failed |= complain({host: said})
        elif follow:
            tell(line(host, said))
        else:
            found.append(line(host, said))
    for one in sorted(found, key=lambda one: one.at)[-most:]:
        tell(one)
    if not (found or follow or failed):
        print(f"no lines{f' since {text}' if text else ''}", file=sys.stderr)
    if text and len(found) >= most:
        print(f"these are the newest {most} lines only; more: LINES=n", file=sys.stderr)
    return failed


def question(names: list[str], start: float | None, most: int, follow: bool, host: Desired) -> Question:
    return verb("logs", sources=sources(host, names), since=start, most=most, follow=follow)


def told(line: Line, *, wide: int, several: bool) -> None:
    """Print a line now: who follows may read us through a pipe."""
    if as_json():
        print(json.dumps(line.record), flush=True)
        return
    host = f"{line.host}  " if several else ""
    print(
        painted(f"{line.time}  {host}{line.program:{wide}}  {line.short}", COLOURS.get(line.level)),
        flush=True,
    )
