"""Runs as a service would, in its sandbox, and tries what one that was broken into might try.

Prints what it got, as JSON: for each try None, or why it was refused. Its argument is what the test knows of
the host, as JSON.
"""

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
ATTACH, NEW_USER_NAMESPACE = 16, 0x10000000


def called(result: int) -> None:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read_memory(pid: int) -> None:
    """As a debugger would, but without stopping the other process."""
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    there = (ctypes.c_void_p * 2)(0x400000, 8)
    called(libc.process_vm_readv(pid, vector, 1, there, 1, 0))


def read(path: Path) -> None:
    path.open("rb").close()


def listed(path: Path) -> None:
    list(path.iterdir())


def write(folder: Path) -> None:
    (folder / "intruder").write_text("")


def outcome(attempt: Callable[[], Any]) -> str | None:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return None


def tries(told: dict[str, Any]) -> dict[str, str | None]:
    pid = told["pid"]
    attempts: dict[str, Callable[[], Any]] = {
        "see another's process": Path(f"/proc/{pid}").stat,
        "read another's environment": Path(f"/proc/{pid}/environ").read_bytes,
        "read another's memory": lambda: read_memory(pid),
        "trace another": lambda: called(libc.ptrace(ATTACH, pid, 0, 0)),
        "talk to the system's bus": lambda: socket.socket(socket.AF_UNIX),
        "read every packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "make a user namespace": lambda: called(libc.unshare(NEW_USER_NAMESPACE)),
        "mount": lambda: called(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
        "become root": lambda: os.setuid(0),
        "read the kernel's log": lambda: Path("/dev/kmsg").read_bytes(),
    }
    for verb, attempt in (("read", read), ("list", listed), ("write", write)):
        attempts |= {f"{verb} {path}": partial(attempt, Path(path)) for path in told[verb]}
    return {name: outcome(attempt) for name, attempt in attempts.items()}


print(json.dumps(tries(json.loads(sys.argv[1]))))
