"""Git on the controller: never asks, never waits for long, and says in one line why it failed."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stack.errors import Refused


def git(*arguments: str, cwd: str | None = None, config: Iterable[str] = (), timeout: float = 60) -> str:
    """What a git command prints. Raises Refused with its last line."""
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    who: dict[str, Any] = {"cwd": cwd}
    options = list(config)
    if user := puller():  # what a clone of its holds and says is read with no more rights than its own
        options.append("safe.directory=*")
        env["HOME"] = user.pw_dir
        who |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": cwd or "/"}
    command = ["git", *(word for option in options for word in ("-c", option)), *arguments]
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=env, **who
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"git {arguments[0]}: no answer within {timeout:g} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise Refused(f"git {arguments[0]}: {lines[-1]}")
    return done.stdout


def puller() -> pwd.struct_passwd | None:
    """On a host that pulls, where all else is root's: the user who reads the remote."""
    name = os.environ.get("QUANTLAB_GIT_AS")
    return pwd.getpwnam(name) if name else None


@contextmanager
def clone(repository: str) -> Iterator[str]:
    """A bare clone of commits and tags alone, for as long as it is needed. Raises Refused."""
    with tempfile.TemporaryDirectory() as folder:
        if user := puller():
            os.chown(folder, user.pw_uid, user.pw_gid)
        git("clone", "--quiet", "--bare", "--filter=tree:0", repository, folder)
        yield folder
