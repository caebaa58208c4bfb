"""What `git diff` shows of a secrets file: which names are there, and whether a value changed.

`git` calls `python -m stack.textconv FILE`. Each value shows as a short digest, keyed with the identity:
who has the repository but not the identity cannot try guesses against it.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from pathlib import Path

from stack import settings
from stack.errors import Refused
from stack.site import ROOT
from stack.vault import unsealed


def lines(sealed: bytes, identities: list[Path]) -> list[str]:
    for identity in identities:
        try:
            values = unsealed(sealed, identity, "secrets")
        except Refused:
            continue
        key = identity.expanduser().read_bytes()
        return [f"{name}: {digest(key, name, value)}" for name, value in sorted(values.items())]
    # Two versions that differ must not look alike.
    return [f"cannot be opened here; sha256 of the sealed file: {hashlib.sha256(sealed).hexdigest()[:16]}"]


def digest(key: bytes, name: str, value: str) -> str:
    secret = hmac.digest(key, b"quantlab-deploy: git diff", "sha256")
    return hmac.digest(secret, f"{name}\0{value}".encode(), "sha256").hex()[:12]


def identities() -> list[Path]:
    """The keys that the environments' settings name; git does not say whose file it shows."""
    found = []
    for path in sorted((ROOT / "group_data").glob("*.py")):
        try:
            found.append(settings.load(path).identity)
        except Refused:
            continue  # a lab that does not run
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print("\n".join(lines(Path(sys.argv[1]).read_bytes(), identities())))
