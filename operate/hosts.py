"""Puts one question to every host at the same time, over pyinfra's connections."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from pyinfra.api import Config, Inventory, State, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host

from operations.base import hurry
from stack.desired import Desired, load
from stack.errors import Refused
from stack.site import Site
from stack.site import load as load_site
from stack.transport import installed


@dataclass(frozen=True)
class Question:
    """A remote command, run as root, and what it gets on stdin (which may be secret)."""

    command: str
    stdin: str = ""


@dataclass(frozen=True)
class Answer:
    """What a host printed, or why it printed nothing that counts."""

    lines: list[str]
    error: str | None = None

    def json(self) -> Any:
        return json.loads(self.lines[-1])


def verb(name: str, /, **request: Any) -> Question:
    """A verb of the programs that a deploy installs on the host."""
    command = f"if [ -e /usr/local/lib/quantlab/__main__.py ]; then {installed(name)}; else {NEVER}; fi"
    return Question(command, json.dumps(request))


NEVER = "echo 'nothing was ever deployed here' >&2; exit 1"


def chosen(site: Site) -> list[str]:
    """The hosts that LIMIT names (hosts or roles), all without it. Raises Refused for other names."""
    words = [word for word in os.environ.get("LIMIT", "").split(",") if word]
    groups = site.groups()
    known = {*site.hosts, *groups}
    if unknown := [word for word in words if word not in known]:
        raise Refused(
            f"LIMIT={','.join(words)}: {', '.join(unknown)} is no host or role of "
            f"inventory/{site.environment}.py; there are: {', '.join(sorted(known))}"
        )
    members = {word: [name for name, _ in groups[word]] for word in words if word in groups}
    return [
        name
        for name in site.hosts
        if not words or name in words or any(name in names for names in members.values())
    ]


class Connected:
    """The chosen hosts, each with an open connection, or with an answer that says why there is none."""

    def __init__(self) -> None:
        logging.getLogger("pyinfra").setLevel(logging.CRITICAL)  # what fails is in the answers
        site = load_site()
        self._wanted = load()
        data = [(name, site.hosts[name].data) for name in chosen(site)]
        self._state = State(Inventory((data, {})), Config(CONNECT_TIMEOUT=10))
        self._hosts = {host.name: host for host in self._state.inventory}
        tried = self._everywhere(self._connect, list(self._hosts))
        self.errors = {name: answer for name, answer in tried.items() if answer.error}
        self.names = [name for name in self._hosts if name not in self.errors]

    def ask(self, question: Callable[[Desired], Question], names: list[str]) -> dict[str, Answer]:
        """One remote command on each of these hosts, at the same time."""

        def one(host: Host) -> Answer:
            asked = question(self._wanted[host.name])
            command = StringCommand(asked.command)
            try:
                good, output = host.run_shell_command(command, _sudo=True, _stdin=asked.stdin)
            except EOFError:  # pyinfra asked for it where nobody can type
                return Answer([], "gave no answer: sudo asks for a password")
            except OSError as error:
                return Answer([], f"gave no answer: {error}")
            said = "\n".join(output.stderr_lines) or "it ended with an error"
            return Answer(output.stdout_lines, None if good else said)

        return self._everywhere(one, names)

    def _connect(self, host: Host) -> Answer:
        try:
            host.connect(raise_exceptions=True, show_errors=False)
        except ConnectError as error:
            return Answer([], f"cannot be reached: {error}")
        hurry(host)
        return Answer([])

    def _everywhere(self, job: Callable[[Host], Answer], names: list[str]) -> dict[str, Answer]:
        jobs = {name: self._state.pool.spawn(job, self._hosts[name]) for name in names}
        gevent.joinall(jobs.values(), raise_error=True)
        return {name: jobs[name].value for name in names}


def ask(question: Callable[[Desired], Question]) -> dict[str, Answer]:
    """Ask all chosen hosts one thing; a host that cannot be reached gives an answer, too."""
    hosts = Connected()
    return {**hosts.errors, **hosts.ask(question, hosts.names)}
