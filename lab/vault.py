"""The lab's secrets: made at random, kept only encrypted, as production keeps its own."""

import secrets
from pathlib import Path

import pyrage
import yaml

from lab.errors import LabError
from lab.owner import Owner
from lab.settings import CATALOGUE, Settings

_S3_KEY, _S3_SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_FIRST = (_S3_KEY, _S3_SECRET, "REPLAYD_TOKEN", "STRATEGYD_TOKEN")


def ensure(settings: Settings, owner: Owner) -> tuple[str, str]:
    """Make what is missing; return the key and the secret that the S3 server must ask for."""
    identity_file = settings.files / "age-identity"
    if not identity_file.exists():
        made = pyrage.x25519.Identity.generate()
        text = f"# public key: {made.to_public()}\n{made}\n"
        owner.write(identity_file, text, 0o600)
    identity = parse_identity(identity_file.read_text())
    file = settings.files / "secrets.age"
    values = opened(file.read_bytes(), identity) if file.exists() else {}
    complete = completed(values, names(settings.root / CATALOGUE))
    if complete != values:
        plain = yaml.safe_dump(complete, sort_keys=False).encode()
        owner.write(file, pyrage.encrypt(plain, [identity.to_public()]), 0o600)
    return complete[_S3_KEY], complete[_S3_SECRET]


def names(catalogue: Path) -> list[str]:
    """The secrets that the catalogue's services want, and the two that S3 itself needs."""
    listed: object = list(_FIRST)
    if catalogue.exists():
        content = yaml.safe_load(catalogue.read_text())
        listed = content.get("secrets", []) if isinstance(content, dict) else None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise LabError(f"{catalogue}: 'secrets' must be a list of names")
    return list(dict.fromkeys([_S3_KEY, _S3_SECRET, *listed]))


def completed(values: dict[str, str], wanted: list[str]) -> dict[str, str]:
    """The values that there are, and a random one for each name that has none."""
    return values | {name: _random(name) for name in wanted if name not in values}


def parse_identity(text: str) -> pyrage.x25519.Identity:
    """The key in age's own file format, which allows comments."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return pyrage.x25519.Identity.from_str("".join(lines))


def opened(content: bytes, identity: pyrage.x25519.Identity) -> dict[str, str]:
    values = yaml.safe_load(pyrage.decrypt(content, [identity]))
    if not isinstance(values, dict):
        raise LabError("the lab's secrets are no mapping of names to values: `python -m lab down`")
    return {str(name): str(value) for name, value in values.items()}


def _random(name: str) -> str:
    # In the shape that S3 clients expect: 20 capitals and digits.
    return secrets.token_hex(10).upper() if name == _S3_KEY else secrets.token_hex(16)
