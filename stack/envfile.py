"""Env files whose values read the same everywhere.

Single quotes around a value free of quote, backslash and line break is the one form that systemd, sh,
python-dotenv, npm's dotenv and node's own parser read alike. What cannot be said so is refused.
"""

from __future__ import annotations

import re

from stack.errors import Refused

_LINE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_MARK = re.compile("\x00([0-9]+)\x00")


def carried(value: str) -> bool:
    """Whether all readers get this value alike. False for quotes, backslashes and control characters, and
    for lone surrogates and Unicode's noncharacters: systemd drops such a value silently."""
    return not re.search(r"['\\\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]", value) and not any(
        0xD800 <= ord(sign) <= 0xDFFF or 0xFDD0 <= ord(sign) <= 0xFDEF or ord(sign) & 0xFFFE == 0xFFFE
        for sign in value
    )


class Marks:
    """Stands in for the values while a template renders.

    Each value leaves a numbered mark, so that lines and names are known before any value is put in:
    a value with a line break cannot become a second line, and a refusal can name its variable.
    """

    def __init__(self) -> None:
        self.values: list[str] = []

    def mark(self, value: object) -> str:
        self.values.append(str(value))
        return f"\x00{len(self.values) - 1}\x00"

    def fill(self, text: str, where: str) -> str:
        """Put the values in, quoted. Raises Refused with all the variables that cannot be carried."""
        lines, reasons = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                lines.append(line)
                continue
            found = _LINE.fullmatch(line)
            if not found:
                reasons.append(f"{where}: line {number} is not NAME=value")
                continue
            value = _MARK.sub(lambda mark: self.values[int(mark[1])], found["value"])
            if not carried(value):
                reasons.append(
                    f"{where}: {found['name']}: holds a quote, backslash or control character, "
                    "which an env file cannot carry"
                )
            lines.append(f"{found['name']}='{value}'")
        if reasons:
            raise Refused(*reasons)
        return "\n".join(lines) + "\n"
