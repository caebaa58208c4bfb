"""What changed in a file, for an operator's eyes: units line by line, env files by names alone. Pure.

A value is never shown, secret or not: nobody can tell which is which from outside.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Any

from stack.adoption import assignments
from stack.render import File

# What may hold a secret in a unit, with the lines that it goes on in.
_ASSIGNS = re.compile(r"^(\s*(?:Environment|SetCredential\w*)\s*=[\"']?\w*)((?:.*\\\n)*.*)$", re.MULTILINE)
LONGEST = 60  # lines of one diff on the screen; nobody reads more there

Held = dict[str, Any] | None  # what host/compare.py tells of a file


def wanted(path: str, file: File, key: str) -> Held:
    """A rendered file, told as the host tells its own."""
    if path.endswith(".env"):
        return {"variables": assignments(file.content, key)}
    if "/credentials/" in path:
        return {"size": len(file.content.encode())}
    return {"text": file.content}


def changes(before: Held, after: Held, key: str) -> list[str]:
    """The lines that say how a file's content changed; none when it did not."""
    if before == after:
        return []
    if before and after and "link" in after:
        return [f"is a link to {after['link']}"]
    if "variables" in (before or {}) or "variables" in (after or {}):
        return variables((before or {}).get("variables", {}), (after or {}).get("variables", {}))
    for side in (before, after):
        if side and "text" not in side:
            return ["secret, too large or binary: no diff"]
    return unified((before or {}).get("text", ""), (after or {}).get("text", ""), key)


def variables(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names only. The values are keyed hashes here already."""
    lines = [f"- {name}=…" for name in before if name not in after]
    lines += [f"+ {name}=…" for name in after if name not in before]
    lines += [f"~ {name}: differs" for name in after if before.get(name, after[name]) != after[name]]
    return lines or ["the same variables: order, quotes or comments differ"]


def unified(before: str, after: str, key: str) -> list[str]:
    old, new = masked(before, key).splitlines(), masked(after, key).splitlines()
    lines = list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]
    more = len(lines) - LONGEST
    return lines[:LONGEST] + ([f"… {more} lines more"] if more > 0 else [])


def masked(text: str, key: str) -> str:
    """Each assigned value becomes a mark that differs when the value does, and tells nothing of it."""

    def hide(found: re.Match[str]) -> str:
        mark = hmac.new(key.encode(), found[2].encode(), hashlib.sha256).hexdigest()[:6]
        return f"{found[1]}=… ({mark})"

    return _ASSIGNS.sub(hide, text)


def hidden(line: str, secrets: Iterable[str]) -> str:
    """A line without the secrets that we know, should one stand where nobody expects it."""
    for secret in secrets:
        line = line.replace(secret, "…")
    return line
