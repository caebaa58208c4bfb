"""The way to a host: testinfra's paramiko backend, made fast, strict about host keys, fed over stdin."""

import shlex
import socket
from functools import cached_property
from pathlib import Path
from typing import Any

import paramiko
from testinfra.backend.base import CommandResult
from testinfra.backend.paramiko import ParamikoBackend

from stack.site import ROOT, Host
from stack.sudo import ASKS, PROBE, REFUSES, WITH, password

FED_SECONDS = 60  # without a word for so long, the host is gone


class Unreadable(Exception):
    """A host that cannot be looked at; the text is for the operator."""


class Connection(ParamikoBackend):  # type: ignore[misc]
    """Runs commands on one host of the inventory, as root through sudo."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.name, sudo=True)
        self.data: dict[str, Any] = host.data

    @cached_property
    def client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        if known := self.data.get("ssh_known_hosts_file"):
            client.load_host_keys(str(ROOT / Path(known).expanduser()))
        else:
            client.load_system_host_keys()
        key = self.data.get("ssh_key")
        client.connect(
            str(self.data.get("ssh_hostname", self.hostname)),
            port=int(self.data.get("ssh_port", 22)),
            username=self.data.get("ssh_user"),
            key_filename=str(ROOT / Path(key).expanduser()) if key else None,
            allow_agent=not key,
            look_for_keys=not key,
            timeout=self.timeout,
        )
        transport = client.get_transport()
        if transport is None or not isinstance(transport.sock, socket.socket):
            raise paramiko.SSHException("no transport")
        # Nagle's algorithm and delayed ACKs would cost each command 40 ms.
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    @cached_property
    def fed(self) -> bytes:
        """What each command reads first: the sudo password, if it was given and is wanted."""
        given = password()
        if given is None:
            return b""
        line = f"{given}\n".encode()
        _, answer, _ = self._exchange(PROBE.encode(), line)
        if answer.strip() == b"bad":
            raise Unreadable(REFUSES)
        return line if answer.strip() == b"good" else b""

    def get_sudo_command(self, command: str, sudo_user: str | None) -> str:
        return str(self.quote(f"{WITH if self.fed else 'sudo -n'} /bin/sh -c %s", command))

    def _exec_command(self, command: bytes) -> tuple[int, bytes, bytes]:
        return self._exchange(command, self.fed)

    def _exchange(self, command: bytes, stdin: bytes) -> tuple[int, bytes, bytes]:
        __tracebackhide__ = True
        transport = self.client.get_transport()
        if transport is None:
            raise paramiko.SSHException("no transport")
        channel = transport.open_session()
        channel.settimeout(FED_SECONDS)
        channel.exec_command(command)
        channel.sendall(stdin)
        channel.shutdown_write()
        out, err = b"".join(channel.makefile("rb")), b"".join(channel.makefile_stderr("rb"))
        return channel.recv_exit_status(), out, err

    def feed(self, command: str, stdin: str) -> CommandResult:
        """Run a command with input, which may be secret: no process list or log shows it."""
        __tracebackhide__ = True
        line = self.encode(self.get_command(command))
        code, out, err = self._exchange(line, self.fed + stdin.encode())
        return self.result(code, line, out, err)

    def output(self, command: str, *arguments: str, good: tuple[int, ...] = (0,)) -> str:
        """What a command prints. Raises Unreadable when it ends with a code that is not an answer."""
        done = self.run(f"{command} {shlex.join(arguments)}")
        if "sudo: a password is required" in done.stderr:
            raise Unreadable(ASKS.format(self.data.get("ssh_user") or "the SSH user"))
        if done.rc not in good:
            raise Unreadable(f"{command.split()[0]} ended with {done.rc}: {done.stderr.strip()[-300:]}")
        return str(done.stdout)
