"""The lab's git remote: the reference backend of the working tree, as a repository of its own."""

import json
import os
import tempfile
from pathlib import Path

from lab.errors import LabError
from lab.owner import Owner
from lab.settings import BACKEND, Settings
from lab.shell import locked, run, say

_AUTHOR = {
    "GIT_AUTHOR_NAME": "QuantLab lab",
    "GIT_AUTHOR_EMAIL": "lab@localhost",
    "GIT_COMMITTER_NAME": "QuantLab lab",
    "GIT_COMMITTER_EMAIL": "lab@localhost",
}
_SERVED = {
    # Deploys fetch commits by their id and leave out what they do not need.
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


def publish(settings: Settings, owner: Owner) -> str:
    """Bring `main` up to the working tree; return its commit. The same content makes no commit."""
    with locked(owner.folder(settings.repository.parent) / ".publish.lock"):
        return _publish(settings, owner)


def _publish(settings: Settings, owner: Owner) -> str:
    repository = settings.repository
    if not (repository / "HEAD").exists():
        owner.folder(repository)
        _git(owner, {}, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
        for key, value in _SERVED.items():
            _git(owner, {}, f"--git-dir={repository}", "config", key, value)
    tree = _tree(settings, owner)
    bare = f"--git-dir={repository}"
    parent = _git(owner, {}, bare, "for-each-ref", "--format=%(objectname)", "refs/heads/main")
    if parent and _git(owner, {}, bare, "rev-parse", f"{parent}^{{tree}}") == tree:
        return parent
    message = f"quantlab-backend {version(settings.root / BACKEND) or tree[:8]}"
    ancestry = ["-p", parent] if parent else []
    commit = _git(owner, _AUTHOR, bare, "commit-tree", tree, *ancestry, "-m", message)
    _git(owner, {}, bare, "update-ref", "refs/heads/main", commit, parent or "")
    say(f"git remote: main is now {commit[:8]} ({message})")
    return commit


def version(backend: Path) -> str | None:
    """What the backend calls itself, if it does."""
    plain, package = backend / "VERSION", backend / "core" / "package.json"
    if plain.exists():
        return plain.read_text().strip()
    if package.exists():
        found = json.loads(package.read_text()).get("version")
        return str(found) if found else None
    return None


def _tree(settings: Settings, owner: Owner) -> str:
    """The content of the working tree's backend, as an object in the bare repository.

    What git knows and what it would add counts; what is ignored (installed packages) does not.
    """
    backend = settings.root / BACKEND
    listed = _git(
        owner, {}, "-C", str(settings.root), "ls-files", "-z", "--cached", "--others",
        "--exclude-standard", "--", BACKEND,
    )  # fmt: skip
    files = [name.removeprefix(f"{BACKEND}/") for name in listed.split("\0") if name]
    present = [name for name in files if os.path.lexists(backend / name)]
    if not present:
        raise LabError(f"{backend} holds no file: there is nothing for the lab's hosts to install")
    with tempfile.TemporaryDirectory(prefix="quantlab-lab-") as folder:
        os.chown(folder, *owner.ids)
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        there = [f"--git-dir={settings.repository}", f"--work-tree={backend}"]
        names = "\0".join(dict.fromkeys(present))
        _git(owner, index, *there, "update-index", "--add", "-z", "--stdin", stdin=names)
        return _git(owner, index, *there, "write-tree")


def _git(owner: Owner, extra: dict[str, str], *words: str, stdin: str | None = None) -> str:
    """Git as the user, with none of the user's or the caller's settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    trust = ["-c", "safe.directory=*"]
    user = owner.ids if os.getuid() == 0 else None
    return run("git", *trust, *words, stdin=stdin, env=clean | extra, user=user).strip()
