"""The hosts' keys that an inventory knows: OpenSSH's known_hosts format, plain and hashed names."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac


def named(hostname: str, port: int) -> str:
    """What a host is called in the file."""
    return hostname if port == 22 else f"[{hostname}]:{port}"


def held(text: str, name: str) -> dict[str, str]:
    """The keys that a file's text has for a name: base64 by type."""
    lines = (line.split() for line in text.splitlines() if _concerns(line, name))
    return {words[1]: words[2] for words in lines if len(words) > 2}


def without(text: str, name: str) -> str:
    """The text without a name's lines; whatever else they name goes with them, as by ssh-keygen -R."""
    return "".join(line for line in text.splitlines(keepends=True) if not _concerns(line, name))


def fingerprint(key: str) -> str:
    """A key's SHA256 as ssh-keygen -l shows it."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _concerns(line: str, name: str) -> bool:
    names = line.split(" ", 1)[0]
    if names.startswith("|1|"):
        return _hashed(names, name)
    if not names or names[0] in "#@":  # certificates and revoked keys are left as they are
        return False
    return any(fnmatch.fnmatchcase(name, _literal(pattern)) for pattern in names.split(","))


def _literal(pattern: str) -> str:
    """OpenSSH's patterns know * and ?; its brackets are of [host]:port."""
    return pattern.replace("[", "[[]")


def _hashed(field: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in field[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
