"""A remote command whose output is handed on as it comes: a log that is followed, a job that takes its time.

pyinfra's own way of running a command collects the output and gives it back at the end.
"""

from collections.abc import Callable, Iterable, Iterator

import gevent
from paramiko import SSHException
from pyinfra.api import State
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput, OutputLine

from operations import sudo


def run(state: State, host: Host, command: str, stdin: str, heard: Callable[[str], None]) -> tuple[int, str]:
    """Run a command as root and hand on each line of its output; its exit code and what it said on stderr.

    Its stdin stays open while somebody listens: its end tells the host that nobody does any more. Raises
    OSError when the connection is lost.
    """
    client = getattr(host.connector, "client", None)
    if client is None:
        raise OSError("it is not reached over SSH")

    def execute() -> tuple[int, CommandOutput]:
        full, first = sudo.opened(state, host, command)
        channel = client.get_transport().open_session()
        channel.exec_command(full)
        channel.sendall(f"{first}{stdin}\n".encode())
        errors = gevent.spawn(lambda: list(decoded(channel.makefile_stderr("rb"))))
        for line in decoded(channel.makefile("rb")):
            heard(line)
        said = [OutputLine("stderr", line) for line in errors.get()]
        code = channel.recv_exit_status()
        if code < 0:
            raise OSError("the connection was lost")
        return code, CommandOutput(said)

    try:
        code, output = sudo.never_ask(host, {}, execute)
    except SSHException as error:
        raise OSError(str(error)) from None
    return code, output.stderr


def decoded(lines: Iterable[bytes]) -> Iterator[str]:
    return (line.decode(errors="replace").rstrip("\r\n") for line in lines)
