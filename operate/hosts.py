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


def verb(name: str, **request: Any) -> Question:
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


def ask(question: Callable[[Desired], Question]) -> dict[str, Answer]:
    """Ask all chosen hosts; a host that cannot be reached gives an answer, too."""
    logging.getLogger("pyinfra").setLevel(logging.CRITICAL)  # what fails is in the answers
    wanted, site = load(), load_site()
    names = chosen(site)
    inventory = Inventory(([(name, site.hosts[name].data) for name in names], {}))
    state = State(inventory, Config(CONNECT_TIMEOUT=10))

    def one(host: Host) -> Answer:
        try:
            host.connect(raise_exceptions=True, show_errors=False)
        except ConnectError as error:
            return Answer([], f"cannot be reached: {error}")
        hurry(host)
        asked = question(wanted[host.name])
        try:
            good, output = host.run_shell_command(
                StringCommand(asked.command), _sudo=True, _stdin=asked.stdin
            )
        except (OSError, EOFError) as error:
            return Answer([], f"gave no answer: {error or 'sudo asks for a password'}")
        said = "\n".join(output.stderr_lines) or "ended without a word"
        return Answer(output.stdout_lines, None if good else said)

    jobs = {host.name: state.pool.spawn(one, host) for host in inventory}
    gevent.joinall(jobs.values(), raise_error=True)
    return {name: jobs[name].value for name in names}
