"""Host keys that are not as they should be: a changed one stops everything, an unknown one that host."""

from typing import NoReturn

from pyinfra.api import Host
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors import ssh

_changed: dict[str, str] = {}


class Changed(ConnectError):
    """Somebody may stand between us and the host."""


def explained() -> None:
    """Let pyinfra say what a key that it refuses means, and remember the hosts with another one."""
    ssh.raise_connect_error = refuse


def refuse(host: Host, message: str, data: object) -> NoReturn:
    file = host.data.get("ssh_known_hosts_file") or "~/.ssh/known_hosts"
    if message == "SSH host key error":
        _changed[host.name] = f"{data} ({file}) Compare the keys: make trust"
        raise Changed(_changed[host.name])
    if "found in known_hosts" in str(data):
        raise ConnectError(f"{data} ({file}). Compare and write it: make trust")
    raise ConnectError(f"{message} ({data})")


def stop() -> str | None:
    """Why no host at all may be touched."""
    lines = "; ".join(f"{name}: {line}" for name, line in _changed.items())
    return f"nothing is touched here, since another host is not who it was: {lines}" if lines else None
