"""Secrets at rest: one age file per environment, a YAML mapping of names to values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyrage
import yaml

from stack.catalogue import StrictLoader
from stack.errors import Refused


def open_vault(path: Path, identity: Path, wanted: Iterable[str]) -> dict[str, str]:
    """Decrypt `path` with `identity` and return exactly the wanted names.

    Raises Refused, never showing a value, if a file is missing, the identity is not a recipient,
    or names are missing or surplus.
    """
    path, identity = path.expanduser(), identity.expanduser()
    for file, what in ((path, "secrets file"), (identity, "age identity")):
        if not file.is_file():
            raise Refused(f"{file}: no such {what}")
    try:
        plain = pyrage.decrypt(path.read_bytes(), [_identity(identity.read_text())])
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be opened with {identity}: {error}") from None
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise Refused(f"{path}: cannot be opened with {identity}: {error}") from None
    try:
        values = yaml.load(plain, StrictLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):  # their texts would quote the secrets
        raise Refused(f"{path}: does not hold YAML, or a name twice") from None
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise Refused(f"{path}: must hold a mapping of names to strings")
    names = set(wanted)
    reasons = [f"{path}: {name} is missing" for name in sorted(names - set(values))]
    # An empty token would let everybody in; one with blanks at an end never arrives as it was sent.
    reasons += [f"{path}: {name} is empty" for name, value in values.items() if not value.strip()]
    reasons += [
        f"{path}: {name} begins or ends with a blank"
        for name, value in values.items()
        if value.strip() and value != value.strip()
    ]
    reasons += [f"{path}: {name} is not in the catalogue" for name in sorted(set(values) - names)]
    if reasons:
        raise Refused(*reasons)
    return {str(name): value for name, value in values.items()}


def _identity(text: str) -> pyrage.x25519.Identity | pyrage.ssh.Identity:
    if "PRIVATE KEY-----" in text:
        return pyrage.ssh.Identity.from_buffer(text.encode())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return pyrage.x25519.Identity.from_str(lines[0].strip() if lines else "")


def seal(values: Mapping[str, str], recipients: Iterable[str]) -> bytes:
    """Encrypt values to age or ssh-ed25519 recipients, as a standard age file."""
    keys = [
        pyrage.ssh.Recipient.from_str(key)
        if key.startswith("ssh-")
        else pyrage.x25519.Recipient.from_str(key)
        for key in recipients
    ]
    sealed: bytes = pyrage.encrypt(yaml.safe_dump(dict(values), sort_keys=True).encode(), keys)
    return sealed
