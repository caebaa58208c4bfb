"""Secrets at rest: one age file per environment, a YAML mapping of names to values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyrage
import yaml

from stack.errors import Refused
from stack.reading import StrictLoader


def open_vault(path: Path, identity: Path, wanted: Iterable[str]) -> dict[str, str]:
    """Decrypt `path` with `identity` and return exactly the wanted names.

    Raises Refused, never showing a value, if a file is missing, the identity is not a recipient,
    or names are missing or surplus.
    """
    path = path.expanduser()
    if not path.is_file():
        raise Refused(f"{path}: no such secrets file: write it with `make secrets ENV=…`")
    values = unsealed(path.read_bytes(), identity, str(path))
    if reasons := faults(values, wanted):
        raise Refused(*(f"{path}: {reason}" for reason in reasons))
    return values


def unsealed(sealed: bytes, identity: Path, where: str) -> dict[str, str]:
    """What an age file holds. Raises Refused, naming both files and never a value."""
    identity = identity.expanduser()
    if not identity.is_file():
        raise Refused(f"{identity}: no such age identity")
    try:
        plain = pyrage.decrypt(sealed, [_identity(identity.read_text())])
    except (OSError, UnicodeDecodeError, pyrage.DecryptError, pyrage.IdentityError) as error:
        raise Refused(f"{where}: cannot be opened with {identity}: {error}") from None
    return parsed(plain, where)


def _identity(text: str) -> pyrage.x25519.Identity | pyrage.ssh.Identity:
    """A private key in age's own format, or an ssh-ed25519 one without a passphrase."""
    if "PRIVATE KEY-----" in text:
        return pyrage.ssh.Identity.from_buffer(text.encode())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return pyrage.x25519.Identity.from_str(lines[0].strip() if lines else "")


def public(identity: Path) -> str:
    """The recipient that an identity answers to: of an SSH key, what lies beside it as .pub."""
    identity = identity.expanduser()
    if not identity.is_file():
        raise Refused(f"{identity}: no such age identity: make one with `age-keygen -o {identity}`")
    try:
        key = _identity(identity.read_text())
    except (UnicodeDecodeError, pyrage.IdentityError) as error:
        raise Refused(f"{identity}: is no age identity: {error}") from None
    if isinstance(key, pyrage.x25519.Identity):
        return str(key.to_public())
    beside = identity.with_name(f"{identity.name}.pub")
    if not beside.is_file():
        raise Refused(f"{beside}: is not there: it says whom to encrypt to")
    return " ".join(beside.read_text().split()[:2])


def parsed(plain: bytes | str, where: str) -> dict[str, str]:
    try:
        values = yaml.load(plain, StrictLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):  # their texts would quote the secrets
        raise Refused(f"{where}: does not hold YAML, or a name twice") from None
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise Refused(f"{where}: must hold a mapping of names to strings")
    return {str(name): value for name, value in values.items()}


def faults(values: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    """All that a deploy would refuse, without a value in it."""
    names = set(wanted)
    found = [f"{name} is missing" for name in sorted(names - set(values))]
    # An empty token would let everybody in; one with blanks at an end never arrives as it was sent.
    found += [f"{name} is empty" for name, value in values.items() if not value.strip()]
    found += [
        f"{name} begins or ends with a blank"
        for name, value in values.items()
        if value.strip() and value != value.strip()
    ]
    return found + [f"{name} is not in the catalogue" for name in sorted(set(values) - names)]


def seal(values: Mapping[str, str], recipients: Iterable[str]) -> bytes:
    """Encrypt values to age or ssh-ed25519 recipients, as a standard age file."""
    keys = [recipient(key) for key in recipients]
    sealed: bytes = pyrage.encrypt(yaml.safe_dump(dict(values), sort_keys=True).encode(), keys)
    return sealed


def recipient(key: str) -> pyrage.x25519.Recipient | pyrage.ssh.Recipient:
    try:
        if key.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(key)
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise Refused(f"{key[:24]}: is neither an age key (age1…) nor an ssh-ed25519 one") from None
