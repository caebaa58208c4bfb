"""Who can open a secrets file: a text beside it, one key a line under a comment that says whose it is.

`age -R` reads it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from stack.errors import Refused
from stack.vault import recipient


@dataclass(frozen=True)
class Recipient:
    key: str  # age1… or ssh-ed25519 …
    who: str


def read(text: str, where: str) -> list[Recipient]:
    """Every recipient of the file. Raises Refused with all lines that are none."""
    found: list[Recipient] = []
    reasons, who = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            who = line.lstrip("# ").strip()
        elif line.strip():
            try:
                found.append(given(f"{line.strip()} {who}"))
            except Refused as refused:
                reasons += [f"{where}: line {number}: {reason}" for reason in refused.reasons]
            who = ""
    if reasons:
        raise Refused(*reasons)
    return found


def given(text: str) -> Recipient:
    """A key and whose it is, as they are typed: `age1… Alice`, or the line of an ssh-ed25519 .pub file."""
    words = text.split()
    count = 2 if text.startswith("ssh-") else 1
    key, who = " ".join(words[:count]), " ".join(words[count:])
    recipient(key)
    if not who:
        raise Refused(f"{key[:24]}…: say whose it is, after the key")
    return Recipient(key, who)


def written(recipients: list[Recipient]) -> str:
    head = "# Who can open the secrets beside this file. `make secrets ADD=… | REMOVE=…` writes it.\n"
    return head + "".join(f"\n# {one.who}\n{one.key}\n" for one in recipients)


def chosen(recipients: list[Recipient], word: str) -> Recipient:
    """The one that a key or a name means."""
    found = [one for one in recipients if word in (one.key, one.who)]
    if len(found) != 1:
        names = ", ".join(one.who for one in recipients)
        raise Refused(f"{word}: {len(found) or 'none'} of the recipients; there are: {names}")
    return found[0]


def stanzas(sealed: bytes) -> int:
    """How many keys a file is sealed to, as its header says; it says not which."""
    header = sealed.split(b"\n---", 1)[0].splitlines()
    return sum(line.startswith((b"-> X25519 ", b"-> ssh-ed25519 ", b"-> ssh-rsa ")) for line in header)
