"""Puts one question to every host at the same time, over pyinfra's connections."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.queue import Queue
from pyinfra.api import Config, Inventory, State, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host

from operate import streaming
from operations import hostkeys, sudo
from operations.base import hurry
from stack.desired import Desired, load
from stack.errors import Refused
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
    code: int = 0

    def json(self) -> Any:
        return json.loads(self.lines[-1])


def verb(name: str, /, **request: Any) -> Question:
    """A verb of the programs that a deploy installs on the host."""
    command = f"if [ -e /usr/local/lib/quantlab/__main__.py ]; then {installed(name)}; else {NEVER}; fi"
    return Question(command, json.dumps(request))


NEVER = "echo 'nothing was ever deployed here; next: make deploy' >&2; exit 1"


class Connected:
    """The hosts that LIMIT leaves (or only some of them), each with an open connection, or with an answer
    that says why there is none."""

    def __init__(self, only: list[str] | None = None) -> None:
        logging.getLogger("pyinfra").setLevel(logging.CRITICAL)  # what fails is in the answers
        site = load_site()
        self._wanted = load()
        names = site.chosen(os.environ.get("LIMIT")) if only is None else only
        data = [(name, site.hosts[name].data) for name in names]
        self._state = State(Inventory((data, {})), Config(CONNECT_TIMEOUT=10))
        self._hosts = {host.name: host for host in self._state.inventory}
        hostkeys.explained()
        tried = self._everywhere(self._connect, list(self._hosts))
        if reason := hostkeys.stop():
            raise Refused(reason)
        self.errors = {name: answer for name, answer in tried.items() if answer.error}
        self.names = [name for name in self._hosts if name not in self.errors]

    def ask(self, question: Callable[[Desired], Question], names: list[str]) -> dict[str, Answer]:
        """One remote command on each of these hosts, at the same time."""

        def one(host: Host) -> Answer:
            asked = question(self._wanted[host.name])
            command = StringCommand(asked.command)
            try:
                good, output = host.run_shell_command(command, _sudo=True, _stdin=asked.stdin)
            except (OSError, EOFError) as error:
                return Answer([], f"gave no answer: {error}")
            said = "\n".join(output.stderr_lines) or "it ended with an error"
            return Answer(output.stdout_lines, None if good else said)

        return self._everywhere(one, names)

    def stream(
        self, question: Callable[[Desired], Question], names: list[str]
    ) -> Iterator[tuple[str, str | Answer]]:
        """One remote command on each of these hosts; yields a host's lines as they come, its Answer last."""
        heard: Queue[tuple[str, str | Answer]] = Queue(1000)  # a slow reader slows the hosts down

        def one(host: Host) -> None:
            asked = question(self._wanted[host.name])
            try:
                code, said = streaming.run(
                    self._state, host, asked.command, asked.stdin, lambda line: heard.put((host.name, line))
                )
                answer = Answer([], said or f"it ended with exit code {code}" if code else None, code)
            except (OSError, EOFError) as error:
                answer = Answer([], f"gave no answer: {str(error) or 'sudo asks for a password'}", 1)
            heard.put((host.name, answer))

        for name in names:  # not from the pool: it may be smaller than the number of hosts
            gevent.spawn(one, self._hosts[name])
        left = set(names)
        while left:
            name, said = heard.get()
            if isinstance(said, Answer):
                left.discard(name)
            yield name, said

    def _connect(self, host: Host) -> Answer:
        try:
            host.connect(raise_exceptions=True, show_errors=False)
        except ConnectError as error:
            return Answer([], f"cannot be reached: {error}")
        hurry(host)
        sudo.ready(host)
        return Answer([])

    def _everywhere(self, job: Callable[[Host], Answer], names: list[str]) -> dict[str, Answer]:
        jobs = {name: self._state.pool.spawn(job, self._hosts[name]) for name in names}
        gevent.joinall(jobs.values(), raise_error=True)
        return {name: jobs[name].value for name in names}


def ask(question: Callable[[Desired], Question]) -> dict[str, Answer]:
    """Ask all chosen hosts one thing; a host that cannot be reached gives an answer, too."""
    hosts = Connected()
    return {**hosts.errors, **hosts.ask(question, hosts.names)}
