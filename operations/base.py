"""What a host needs before it can hold a release."""

import json
import shlex
import socket
from collections.abc import Generator

from pyinfra import host, logger
from pyinfra.api import Host, State, StringCommand, operation
from pyinfra.operations import apt, server

from operations import sudo
from stack.desired import download_env
from stack.plan import Plan
from stack.site import ROOT
from stack.transport import piped


def hurry(host: Host) -> None:
    """Spare each remote command the 40 ms that Nagle's algorithm and delayed ACKs cost, and notice within
    half a minute when the host cannot be reached any more: by itself TCP takes a quarter of an hour."""
    client = getattr(host.connector, "client", None)
    if client is not None:
        wire = client.get_transport().sock
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_USER_TIMEOUT", 30_000)):
            if hasattr(socket, option):  # Linux has them all, other systems some
                wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def connect_fast() -> None:
    """Do so for the host whose deploy this is, and let it become root."""
    hurry(host)
    sudo.ready(host)


def fail(state: State, host: Host, lines: list[str]) -> bool:
    """Fail this host alone with lines for the operator; an exception would end the run for all."""
    for line in lines:
        logger.error(f"{host.print_prefix}{line}")
    return False


@operation()
def nothing() -> Generator[StringCommand, None, None]:
    """Stands on the screen for a host that is as it should be."""
    yield from ()


def provision(plan: Plan) -> None:
    """Trust, packages, user, folders and our programs: only what the look found missing."""
    env = download_env(plan.desired.site.settings.network)
    certificates = {path: file for path, file in plan.trusted.items() if path.endswith(".crt")}
    for path, file in plan.trusted.items():
        if path not in certificates:
            write(path=path, content=file.content, name=f"Put {path}", _sudo=True, _stdin=[file.content])
    if plan.packages:
        apt.packages(
            name=f"Install {', '.join(plan.packages)}",
            packages=plan.packages,
            update=True,
            no_recommends=True,
            extra_install_args="-o DPkg::Lock::Timeout=300",  # a new host may be upgrading itself,
            _retries=4,  # or updating its lists, for which `apt-get update` does not wait
            _retry_delay=10,
            _sudo=True,
            _env=env,
        )
    # Only now: what makes them trusted is a package, and a deploy that stopped before it finds them missing.
    for path, file in certificates.items():
        write(path=path, content=file.content, name=f"Put {path}", _sudo=True, _stdin=[file.content])
    if certificates:
        server.shell(name="Trust the certificates", commands="update-ca-certificates", _sudo=True)
    if plan.user:
        user = plan.desired.site.catalogue.user
        server.user(name=f"Add user {user}", user=user, shell="/bin/bash", create_home=True, _sudo=True)
    if plan.put:
        put(
            name="Install folders and host programs",
            _sudo=True,
            _stdin=[json.dumps((ROOT / "host" / "put.py").read_text()), json.dumps(plan.put)],
        )


@operation(is_idempotent=False)
def write(path: str, content: str) -> Generator[StringCommand, None, None]:
    """Write what stands on stdin, to the byte, on a host that may not have Python yet. Not with files.put:
    that goes through a file in /tmp whose name anybody on the host can foretell."""
    size = len(content.encode())
    yield StringCommand(f"head -c {size} | install -D -m 644 /dev/stdin {shlex.quote(path)}")


@operation(is_idempotent=False)
def put() -> Generator[StringCommand, None, None]:
    """Write what the request on stdin holds."""
    yield StringCommand(piped())
