"""The lines that programs of this host have logged, from the journal and from files alike.

Each goes out as one line of JSON: [time, program, text]. Oldest first; when followed, then as they come.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from common import Failed
from tail import Entry, Tail, stamp

PAUSE = 0.2  # seconds between two looks at files that are followed


def logs(request: dict[str, Any]) -> int:
    """Print the newest request["most"] lines since request["since"]; go on with "follow" until nobody
    listens any more."""
    programs = {unit: source["name"] for source in request["sources"] for unit in source["units"]}
    files = {Path(file): source["name"] for source in request["sources"] for file in source["files"]}
    since, most, once = request["since"] or 0, request["most"], Once()
    began = time.time()
    found, cursor = journal(programs, since, most)
    tails = [Tail(path, name) for path, name in files.items()]
    for tail in tails:
        found += tail.backlog(since, most)
    found.sort(key=lambda entry: entry[0])
    say([entry for entry in found if entry[0] >= since and once.new(entry)][-most:])
    if request["follow"]:
        follow(programs, [f"--after-cursor={cursor}"] if cursor else [f"--since=@{int(began)}"], tails, once)
    return 0


def say(entries: Iterable[Entry]) -> None:
    sys.stdout.writelines(f"{json.dumps(entry[:3])}\n" for entry in entries)
    sys.stdout.flush()


class Once:
    """What a program writes to two places counts once: the line is the same to the letter, with its time."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def new(self, entry: Entry) -> bool:
        _, program, text, place = entry
        if stamp(text) is None:
            return True
        first = self._seen.setdefault((program, text), place)
        if len(self._seen) > 20_000:
            del self._seen[next(iter(self._seen))]
        return first == place


def reader(programs: dict[str, str], *options: str) -> list[str]:
    fields = "--output-fields=MESSAGE,_SYSTEMD_UNIT,UNIT"
    units = [f"--unit={unit}" for unit in programs]
    return ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", fields, *units, *options]


def journal(programs: dict[str, str], since: float, most: int) -> tuple[list[Entry], str | None]:
    """The journal's newest lines, and where it ends. It is read backwards: with a time to begin at, `--lines`
    would give the oldest since then."""
    command = reader(programs, "--reverse", f"--lines={most}", *([f"--since=@{int(since)}"] if since else []))
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise Failed(f"the journal cannot be read: {done.stderr.strip()}")
    lines = done.stdout.splitlines()[::-1]
    cursor = json.loads(lines[-1])["__CURSOR"] if lines else None
    return [entry for line in lines for entry in entries(line, programs)], cursor


def entries(line: str, programs: dict[str, str]) -> Iterator[Entry]:
    """One record of the journal as lines."""
    record = json.loads(line)
    message = record.get("MESSAGE") or ""
    if isinstance(message, list):  # what is not UTF-8 comes as numbers, what was said twice as texts
        numbers = all(isinstance(part, int) for part in message)
        message = bytes(message).decode(errors="replace") if numbers else "\n".join(map(str, message))
    at = int(record["__REALTIME_TIMESTAMP"]) / 1e6
    # What systemd says of a unit bears its name in UNIT.
    named = (str(record.get(field)) for field in ("UNIT", "_SYSTEMD_UNIT"))
    program = next((programs[unit] for unit in named if unit in programs), "?")
    return ((at, program, text, "journal") for text in message.splitlines())


def follow(programs: dict[str, str], start: list[str], tails: list[Tail], once: Once) -> None:
    """Hand lines on as they come, until stdin ends: whoever asked holds it open while they listen."""
    command = reader(programs, "--follow", "--lines=all", *start)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout
            rest = b""
            while True:
                ready = select.select([child.stdout, sys.stdin], [], [], PAUSE)[0]
                if sys.stdin in ready and not os.read(sys.stdin.fileno(), 4096):
                    return
                found = [entry for tail in tails for entry in tail.more()]
                if child.stdout in ready:
                    piece = os.read(child.stdout.fileno(), 65536)
                    if not piece:
                        raise Failed("the journal cannot be followed any more")
                    *lines, rest = (rest + piece).split(b"\n")
                    found += [e for line in lines for e in entries(line.decode(), programs)]
                say(entry for entry in sorted(found, key=lambda entry: entry[0]) if once.new(entry))
        finally:
            child.terminate()
