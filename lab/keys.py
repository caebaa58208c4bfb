"""SSH identities, made before the first connection: nothing is ever accepted blindly."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from lab.owner import Owner
from lab.settings import Settings, address
from lab.shell import run


def client_key(settings: Settings, owner: Owner) -> str:
    """The public half of the key that the controller comes with."""
    private = settings.files / "id_ed25519"
    if not private.exists():
        _generate(private, f"{settings.name}-lab", owner)
    return private.with_suffix(".pub").read_text()


def host_key(settings: Settings, host: str) -> Path:
    """A host's private key. It belongs to the name, and stays when the host is reset."""
    private = settings.data / "keys" / host
    if not private.exists():
        private.parent.mkdir(mode=0o700, exist_ok=True)
        _generate(private, host, Owner(0, 0))
    return private


def known_hosts(settings: Settings, subnet: IPv4Network, hosts: Sequence[str]) -> str:
    """The file by which `ssh` knows every host of the lab, by address and by name."""
    lines = []
    for host in hosts:
        kind, key = host_key(settings, host).with_suffix(".pub").read_text().split()[:2]
        lines.append(f"{address(subnet, settings.host_number(host))},{host} {kind} {key}\n")
    return "".join(lines)


def _generate(private: Path, comment: str, owner: Owner) -> None:
    part = private.with_name(f".{private.name}")
    part.unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", part)
    owner.write(private.with_suffix(".pub"), part.with_name(f"{part.name}.pub").read_text())
    owner.write(private, part.read_text(), 0o600)
    part.unlink()
    part.with_name(f"{part.name}.pub").unlink()
