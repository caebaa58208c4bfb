"""The code that is deployed: a branch of the lab's git remote for each side, a new commit for each change."""

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.scene import NAME
from lab import settings
from stack.site import ROOT


def repository() -> Path:
    return settings.named(NAME, ROOT).repository


def branch(side: str) -> str:
    return f"bench-{side}"


def _git(*words: str, stdin: str | None = None, **env: str) -> str:
    who = {f"GIT_{role}_{key}": "bench" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    command = ["git", "-c", "safe.directory=*", f"--git-dir={repository()}", *words]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        command, input=stdin, env={**clean, **who, **env}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def begin() -> str:
    """The commit with which both sides begin."""
    return _git("rev-parse", "main")


def tip(side: str) -> str:
    """The commit that a side's branch stands for."""
    return _git("rev-parse", branch(side))


def move(side: str, commit: str) -> None:
    _git("update-ref", f"refs/heads/{branch(side)}", commit)


def source(directory: str) -> str:
    """A source file of a service, of which a commit may change a comment."""
    names = _git("ls-tree", "--name-only", "main", f"{directory}/").splitlines()
    return next(name for name in names if name.endswith((".js", ".py")))


def change(side: str, directory: str) -> str:
    """A new commit on a side's branch that touches one service's code alone; returns the one before."""
    before, path = tip(side), source(directory)
    text = _git("show", f"{before}:{path}")
    mark = "//" if path.endswith(".js") else "#"
    count = _git("rev-list", "--count", before)
    blob = _git("hash-object", "-w", "--stdin", stdin=f"{text}\n{mark} change {count} of {side}\n")
    mode = _git("ls-tree", before, path).split()[0]
    with tempfile.TemporaryDirectory() as place:
        index = {"GIT_INDEX_FILE": f"{place}/index"}
        _git("read-tree", before, **index)
        _git("update-index", "--cacheinfo", f"{mode},{blob},{path}", **index)
        tree = _git("write-tree", **index)
    move(side, _git("commit-tree", tree, "-p", before, "-m", f"Change {path}"))
    return before
