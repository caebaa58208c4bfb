"""How pyinfra becomes root. Its own way with a password writes it into the remote command line, where every
user of the host can read it; so it never asks for one, and what was given goes over stdin."""

import shlex
from collections.abc import Callable
from typing import Any

from pyinfra.api import Host, State, StringCommand
from pyinfra.connectors import ssh
from pyinfra.connectors.util import (
    SUDO_PASSWORD_REQUIRED_LINES,
    CommandOutput,
    extract_control_arguments,
    make_unix_command,
    make_unix_command_for_host,
)

from stack.sudo import ASKS, PROBE, REFUSES, WITH, password

_answers: dict[str, str] = {}  # by host: free, good or bad, once it was asked


def never_ask(
    host: Host, command_arguments: object, execute_command: Callable[..., tuple[int, CommandOutput]]
) -> tuple[int, CommandOutput]:
    """In place of pyinfra's prompt. Raises EOFError when sudo wants a password: nothing was run then."""
    code, output = execute_command()
    if code != 0 and any(line.strip() in SUDO_PASSWORD_REQUIRED_LINES for line in output.stderr_lines):
        raise EOFError(ASKS.format(host.data.get("ssh_user") or "the SSH user"))
    return code, output


def ready(host: Host) -> None:
    """Let this host's commands become root the way that suits it."""
    ssh.execute_command_with_sudo_retry = never_ask
    given = password()
    if given is None or getattr(host.connector, "client", None) is None:
        return
    plain: Callable[..., tuple[bool, CommandOutput]] = host.connector.run_shell_command

    def run(
        command: StringCommand, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> tuple[bool, CommandOutput]:
        if arguments.get("_sudo"):
            if host.name not in _answers:
                _, output = plain(StringCommand(PROBE), _stdin=[given])
                _answers[host.name] = "".join(output.stdout_lines[-1:])
            if _answers[host.name] == "bad":
                raise EOFError(REFUSES)
            if _answers[host.name] == "good":
                command, arguments = fed(command, given, arguments)
        return plain(command, print_output, print_input, **arguments)

    host.connector.run_shell_command = run  # type: ignore[method-assign]


def fed(
    command: StringCommand, given: str, arguments: dict[str, Any]
) -> tuple[StringCommand, dict[str, Any]]:
    """The command under sudo, which reads the password as the first line of its input, and how to call it."""
    control: dict[str, Any] = dict(extract_control_arguments(arguments))  # type: ignore[arg-type]
    rest = control.get("_stdin") or []
    lines = list(rest) if isinstance(rest, list | tuple) else [rest]
    inner = make_unix_command(command, **{**arguments, "_sudo": False, "_sudo_password": None})
    return StringCommand(WITH, inner), {**control, "_stdin": [given, *lines]}


def opened(state: State, host: Host, command: str) -> tuple[str, str]:
    """A root command for a channel of its own: the command line, and what its stdin begins with."""
    given = password()
    if given is not None:
        host.run_shell_command(StringCommand("true"), _sudo=True)  # asks once how sudo takes the password
        if _answers.get(host.name) == "good":
            return f"{WITH} sh -c {shlex.quote(command)}", f"{given}\n"
    line = make_unix_command_for_host(state, host, StringCommand(command), _sudo=True)
    return line.get_raw_value(), ""
