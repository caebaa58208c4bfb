"""Running other programs, and the words on the screen while they run."""

import fcntl
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lab.errors import LabError

T = TypeVar("T")


def run(
    *command: str | Path,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    user: tuple[int, int] | None = None,
) -> str:
    """What the program prints; its own last words as the error if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=env,
        user=user[0] if user else None,
        group=user[1] if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise LabError(f"`{brief(words)}` failed ({done.returncode}): {last_words(done.stderr)}")
    return done.stdout.decode(errors="replace")


def brief(words: Sequence[str]) -> str:
    """A command as it fits on a line."""
    line = " ".join(words)
    return line if len(line) <= 100 else line[:99] + "…"


def last_words(output: bytes) -> str:
    """Why a program failed, as it says: its first errors, which cause those that follow."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if re.match(r"(E|Err\S*|error|fatal): ?", line)]
    return " / ".join(brief([line]) for line in errors[:2] or said[-3:]) or "it said nothing"


def say(line: str) -> None:
    """One line for the human who waits."""
    print(f"lab: {line}", flush=True)


def since(start: float) -> str:
    return f"{time.monotonic() - start:.1f} s"


@contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock that the kernel drops with the process, however it ends."""
    handle = _lock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        if not shared:  # nobody else holds it; who waits for it will see that it is gone
            file.unlink(missing_ok=True)
        os.close(handle)


def _lock(file: Path, kind: int) -> int:
    while True:
        # To lock, reading is enough: root and the user meet at the same file.
        handle = os.open(file, os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"lab: another lab command holds {file.name}: waiting", file=sys.stderr)
            fcntl.flock(handle, kind)
        if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
            return handle
        os.close(handle)  # its last holder has removed it: lock the new one


def each(items: Sequence[T], work: Callable[[T], None]) -> None:
    """Do it for all at the same time; all failures are told, not only the first."""
    errors: list[Exception] = []

    def attempt(item: T) -> None:
        try:
            work(item)
        except Exception as error:
            errors.append(error)

    # Daemons, so that Ctrl-C ends the command at once; a pool would wait for its threads.
    threads = [threading.Thread(target=attempt, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if not isinstance(error, LabError):
            raise error
    if errors:
        raise LabError("\nlab: ".join(str(error) for error in errors))


def poll(seconds: float, step: float = 0.02) -> Iterator[None]:
    """Go on for so long: `for _ in poll(5): if ready(): break`, with `else` for too late."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(step)
