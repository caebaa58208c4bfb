"""Edits a text in the operator's editor without it ever being on a disk."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from stack.errors import Refused

# What keeps an editor from leaving copies elsewhere: swap, backup, undo, history, lock files.
QUIET = {
    "vim": ["-n", "-i", "NONE", "-c", "silent! set nobackup nowritebackup", "-c", "silent! set noundofile"],
    "nano": ["--ignorercfiles"],
    "emacs": ["--quick", "--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)"],
}


def edit(text: str, wrong: Callable[[str], list[str]]) -> str:
    """The text as the operator leaves it, once nothing is wrong with it. Raises Refused otherwise."""
    if not (os.environ.get("VISUAL") or os.environ.get("EDITOR") or sys.stdout.isatty()):
        raise Refused(
            "here is no terminal for vi, which would write the values to where its output goes: "
            "type `make secrets SET=NAME`"
        )
    command = editor()
    with in_memory() as folder:
        file = folder / "secrets.yaml"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(text)
        while True:
            if code := attended([*command, str(file)]):
                raise Refused(f"{command[0]} ended with {code}: nothing was changed")
            edited = file.read_text()
            if not (reasons := wrong(edited)):
                return edited
            if not sys.stdin.isatty():
                raise Refused(*reasons, "nothing was changed")
            print("\n".join(reasons), file=sys.stderr)
            if input("edit again? [Y/n] ").strip().lower().startswith("n"):
                raise Refused("nothing was changed")


def editor() -> list[str]:
    """The words that start $VISUAL, $EDITOR or vi, told to leave no copies."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    found = shutil.which(words[0])
    if found is None:
        raise Refused(f"{words[0]}: no such editor: set EDITOR, or type `make secrets SET=NAME`")
    name = Path(found).resolve().name  # vi is a link to somebody
    for known, options in QUIET.items():
        if known in name:
            return [*words, *options]
    print(f"note: whether {name} leaves copies of what it edits is its own affair", file=sys.stderr)
    return words


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder of ours alone on a tmpfs, gone at every end that a program can see."""
    places = [place for place in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm") if place]  # noqa: S108
    fit = [place for place in places if os.access(place, os.W_OK) and filesystem(place) == "tmpfs"]
    if not fit:
        raise Refused(
            f"no folder in memory to edit in: none of {', '.join(places)} is a tmpfs that we may write to\n"
            "  next: `make secrets SET=NAME`, which needs none"
        )
    with ending_by_signal():
        folder = Path(tempfile.mkdtemp(prefix="quantlab-", dir=fit[0]))  # mode 0700
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def filesystem(place: str) -> str:
    """The kind of file system, as statfs(2) tells."""
    asked = ["stat", "--file-system", "--format=%T", place]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def ending_by_signal() -> Iterator[None]:
    """A closed terminal and a kill end us in order, so that what must be removed is."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def attended(command: list[str]) -> int:
    """Run the editor to its end; Ctrl-C is meant for it, not for us."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command)
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        if child.poll() is None:
            child.terminate()
            child.wait()
