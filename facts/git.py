"""Git on the controller: never asks, never waits for long, and says in one line why it failed."""

import os
import subprocess
from collections.abc import Iterable

from stack.errors import Refused


def git(*arguments: str, cwd: str | None = None, config: Iterable[str] = (), timeout: float = 60) -> str:
    """What a git command prints. Raises Refused with its last line."""
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    command = ["git", *(word for option in config for word in ("-c", option)), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, cwd=cwd)
    except subprocess.TimeoutExpired:
        raise Refused(f"git {arguments[0]}: no answer within {timeout:g} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise Refused(f"git {arguments[0]}: {lines[-1]}")
    return done.stdout
