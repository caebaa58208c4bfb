"""A sudo password that is asked once and kept in memory: `make … SUDO=ask`.

It is handed on by a descriptor that children inherit: never in an argument, the environment or a file
on a disk. On a host it goes to sudo's standard input.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from stack.errors import Refused

VARIABLE = "QUANTLAB_SUDO_FD"
ASKS = "sudo asks for a password: type it once with SUDO=ask (`make … SUDO=ask`), or allow {} sudo without"
REFUSES = "sudo does not accept the password that was given"

# As root, a command that comes after the password; -k, so that no later process finds a door open.
WITH = "sudo -S -k -H -p ''"
# What a host says to the password on stdin: free (wants none), good or bad. Asked once a connection.
PROBE = (
    "if sudo -n -k sh -c : 2>/dev/null; then echo free; "
    f"elif {WITH} sh -c : 2>/dev/null; then echo good; else echo bad; fi"
)


def password() -> str | None:
    """The password that was asked for this run, if one was."""
    descriptor = os.environ.get(VARIABLE)
    return os.pread(int(descriptor), 4096, 0).decode() if descriptor else None


def handed() -> dict[str, Any]:
    """What subprocess needs to hand it on to a child of ours."""
    descriptor = os.environ.get(VARIABLE)
    return {"pass_fds": [int(descriptor)]} if descriptor else {}


def main(command: list[str]) -> None:
    """Ask, and become the command. Without a terminal, the first line of standard input is taken."""
    if not hasattr(os, "memfd_create"):
        raise Refused("SUDO=ask needs Linux on this machine")
    typed = getpass.getpass("sudo password on the hosts: ") if sys.stdin.isatty() else sys.stdin.readline()
    descriptor = os.memfd_create("sudo", 0)  # inherited
    os.write(descriptor, typed.removesuffix("\n").encode())
    os.execvpe(command[0], command, {**os.environ, VARIABLE: str(descriptor)})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
