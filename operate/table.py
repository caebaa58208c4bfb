"""Plain text tables, and the two ways an operator's command may print: for eyes, and with JSON=1."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from operate.hosts import Answer
from stack.errors import Refused


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Columns as wide as their widest cell."""
    if not rows:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(indent + line.rstrip() for line in lines)


COLOURS = {"green": "\033[32m", "red": "\033[31m", "yellow": "\033[33m"}


def painted(text: str, colour: str | None) -> str:
    """In a colour, on a terminal."""
    return f"{COLOURS[colour]}{text}\033[0m" if colour and sys.stdout.isatty() else text


def given(name: str) -> bool:
    """Whether a switch is on, as in JSON=1."""
    return os.environ.get(name, "") not in ("", "0")


def number(name: str, otherwise: int) -> int:
    """A number from 1 up, as in COUNT=20."""
    text = os.environ.get(name) or str(otherwise)
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) == 0:
        raise Refused(f"{name}={text[:20]}: must be a number, from 1 up to nine digits")
    return int(text)


def as_json() -> bool:
    return given("JSON")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1))


def complain(answers: dict[str, Answer]) -> int:
    """Name the hosts that gave no answer; the exit code."""
    bad = {name: answer.error for name, answer in answers.items() if answer.error}
    for name, error in bad.items():
        print(f"{name}: {error}", file=sys.stderr)
    return 1 if bad else 0
