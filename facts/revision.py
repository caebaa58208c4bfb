"""Resolves branch, tag or commit to one commit, once for all hosts of a run."""

import os
import pwd
import re
import subprocess
import tempfile
import threading
from typing import Any

from stack.errors import Refused
from stack.plan import Revision
from stack.settings import Settings

_lock = threading.Lock()
_known: dict[tuple[str, str], Revision] = {}


def resolve(settings: Settings, name: str | None = None) -> Revision:
    """The commit that `name` (default: $REV, else the branch of the settings) means now.

    Raises Refused when the remote cannot be reached or knows no such revision.
    """
    name = name or os.environ.get("REV") or settings.branch
    with _lock:  # hosts are planned side by side; they must all get the same answer
        key = (settings.repository, name)
        if key not in _known:
            _known[key] = _resolve(settings, name)
        return _known[key]


def _git(*arguments: str) -> str:
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    who: dict[str, Any] = {}
    if name := os.environ.get("QUANTLAB_GIT_AS"):  # on a host that pulls: the user whose keys open the remote
        user = pwd.getpwnam(name)
        env["HOME"] = user.pw_dir
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=60, env=env, **who
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"git {arguments[0]}: no answer within 60 s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise Refused(f"git {arguments[0]}: {lines[-1]}")
    return done.stdout


def _resolve(settings: Settings, name: str) -> Revision:
    repository = settings.repository
    try:
        listing = _git("ls-remote", repository, name, f"{name}^{{}}")
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
    with tempfile.TemporaryDirectory() as folder:
        _git("clone", "--quiet", "--bare", "--filter=tree:0", repository, folder)
        try:
            return _git("-C", folder, "rev-parse", "--verify", f"{name}^{{commit}}").strip()
        except Refused:
            raise Refused(f"commit {name} is not in {repository}") from None
