"""Resolves branch, tag or commit to one commit, once for all hosts of a run."""

import contextlib
import os
import re
import threading
from pathlib import Path

import gevent

from facts.git import clone, git
from facts.signature import require_signature
from stack.errors import Refused
from stack.revision import Revision
from stack.settings import Settings

_lock = threading.Lock()
_known: dict[tuple[str, str, Path | None], Revision | Refused] = {}


def ask(settings: Settings) -> None:
    """Begin to ask the remote: it answers while hosts are looked at, and `resolve` takes the answer."""

    def answer() -> None:
        with contextlib.suppress(Refused):  # kept, and raised where the plan is made
            resolve(settings)

    gevent.spawn(answer)


def resolve(settings: Settings, name: str | None = None) -> Revision:
    """The commit that `name` (default: $REV, else the branch of the settings) means now.

    Raises Refused when the remote cannot be reached or knows no such revision, or none whom the settings
    name has signed it.
    """
    name = name or os.environ.get("REV") or settings.branch
    with _lock:  # hosts are planned side by side; they must all get the same answer
        key = (settings.repository, name, settings.signers)
        if key not in _known:
            try:
                answer = _resolve(settings, name)
                require_signature(settings, name, answer.commit)
                _known[key] = answer
            except Refused as refused:
                _known[key] = refused
        found = _known[key]
    if isinstance(found, Refused):
        raise Refused(*found.reasons)
    return found


def _resolve(settings: Settings, name: str) -> Revision:
    repository = settings.repository
    try:
        listing = git("ls-remote", repository, name, f"{name}^{{}}")
    except Refused as refused:
        raise Refused(f"git remote {repository} cannot be read: {refused}") from None
    refs = {ref: commit for commit, ref in (line.split("\t") for line in listing.splitlines())}
    # An annotated tag is listed twice: ^{} is the commit that it stands for.
    for ref in (f"refs/heads/{name}", f"refs/tags/{name}^{{}}", f"refs/tags/{name}"):
        if ref in refs:
            branch = name if ref.startswith("refs/heads/") else settings.branch
            return Revision(name, refs[ref], branch)
    if re.fullmatch(r"[0-9a-f]{7,40}", name):
        return Revision(name, _full(repository, name), settings.branch)
    raise Refused(f"revision {name} is neither branch, tag nor commit of {repository}")


def _full(repository: str, name: str) -> str:
    """Complete an abbreviated commit; needs the commits alone, so nothing else is fetched."""
    with clone(repository) as folder:
        try:
            return git("rev-parse", "--verify", f"{name}^{{commit}}", cwd=folder).strip()
        except Refused:
            raise Refused(f"commit {name} is not in {repository}") from None
