"""Env files whose values read the same everywhere.

Single quotes around a value free of quote, backslash and line break is the one form that systemd, sh,
python-dotenv, npm's dotenv and node's own parser read alike. A secret that cannot be said so reaches its
unit as a credential of systemd's; any other value is refused.
"""

from __future__ import annotations

import re

from stack.errors import Refused

_LINE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_MARK = re.compile("\x00([0-9]+)\x00")


class Secret(str):
    """A value from the vault."""


def _text(value: str) -> bool:
    """False for what is no text: NUL, lone surrogates, and Unicode's noncharacters, for which systemd drops
    a value silently."""
    return not any(
        sign == "\0"
        or 0xD800 <= ord(sign) <= 0xDFFF
        or 0xFDD0 <= ord(sign) <= 0xFDEF
        or ord(sign) & 0xFFFE == 0xFFFE
        for sign in value
    )


def carried(value: str) -> bool:
    """Whether all readers of an env file get this value alike."""
    return _text(value) and not re.search(r"['\\\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]", value)


class Marks:
    """Stands in for the values while a template renders.

    Each value leaves a numbered mark, so that lines and names are known before any value is put in:
    a value with a line break cannot become a second line, and a refusal can name its variable.
    `unit` is whose env file it is; without one there are no credentials.
    """

    def __init__(self, unit: str | None = None) -> None:
        self.unit = unit
        self.values: list[str] = []
        self.credentials: dict[str, str] = {}

    def mark(self, value: object) -> str:
        self.values.append(value if isinstance(value, Secret) else str(value))
        return f"\x00{len(self.values) - 1}\x00"

    def fill(self, text: str, where: str) -> str:
        """Put the values in, quoted; what only a credential can carry is put there, and its file named.
        Raises Refused with all the variables that cannot be carried."""
        lines, reasons = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                lines.append(line)
                continue
            found = _LINE.fullmatch(line)
            if not found:
                reasons.append(f"{where}: line {number} is not NAME=value")
                continue
            name = found["name"]
            value = _MARK.sub(lambda mark: self.values[int(mark[1])], found["value"])
            if carried(value):
                lines.append(f"{name}='{value}'")
            elif self.unit and _text(value) and self._secret(found["value"]):
                self.credentials[name] = value
                lines.append(f"{name}_FILE='/run/credentials/{self.unit}.service/{name}'")
            else:
                reasons.append(
                    f"{where}: {name}: holds a quote, backslash or control character, "
                    "which an env file cannot carry"
                )
        if reasons:
            raise Refused(*reasons)
        return "\n".join(lines) + "\n"

    def _secret(self, marked: str) -> bool:
        """Whether it is for its secrets alone that a line cannot be carried."""
        rest = _MARK.sub(lambda mark: "" if self._is_secret(mark) else self.values[int(mark[1])], marked)
        return carried(rest)

    def _is_secret(self, mark: re.Match[str]) -> bool:
        return isinstance(self.values[int(mark[1])], Secret)
