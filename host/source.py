"""The code of a release: fetched into the host's mirror of the repository, checked out of that."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Any

from common import MIRROR, Failed, run
from dependencies import BUILT


def git(request: dict[str, Any], *arguments: str, cwd: Path = MIRROR, timeout: float = 300) -> str:
    env = request["env"] | {"GIT_TERMINAL_PROMPT": "0"}
    what = f"git ({request['repository']})"
    return run(["git", *arguments], what=what, user=request["user"], cwd=cwd, env=env, timeout=timeout)


def has_commit(request: dict[str, Any]) -> bool:
    if not (MIRROR / "HEAD").exists():
        return False
    try:
        git(request, "cat-file", "-e", f"{request['commit']}^{{commit}}")
    except Failed:
        return False
    return True


def fetch(request: dict[str, Any]) -> None:
    """Bring the commit into the bare mirror; no network when it is there already."""
    if not (MIRROR / "HEAD").exists():
        account = pwd.getpwnam(request["user"])
        MIRROR.mkdir(parents=True, exist_ok=True)
        os.chown(MIRROR, account.pw_uid, account.pw_gid)
        git(request, "init", "--quiet", "--bare", ".")
    if has_commit(request):
        return
    specs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    git(request, "fetch", "--quiet", "--prune", request["repository"], *specs)
    if not has_commit(request):
        git(request, "fetch", "--quiet", request["repository"], request["commit"])


def clone(request: dict[str, Any], code: Path) -> None:
    """From the mirror, by hard links to it. On an overlay git finds that a link is not the file that it was
    made of, and gives up; then it copies."""
    account = pwd.getpwnam(request["user"])
    for how in ("--local", "--no-hardlinks"):
        shutil.rmtree(code, ignore_errors=True)
        code.mkdir()
        os.chown(code, account.pw_uid, account.pw_gid)
        try:
            git(request, "clone", "--quiet", "--no-checkout", how, str(MIRROR), str(code), cwd=code.parent)
            return
        except Failed:
            if how == "--no-hardlinks":
                raise


def check_out(request: dict[str, Any], code: Path) -> None:
    """A clone of its own (hard links to the mirror) on the branch, so that `git pull` works in it."""
    branch = request["branch"]
    clone(request, code)
    git(request, "remote", "set-url", "origin", request["repository"], cwd=code)
    git(request, "checkout", "--quiet", "--no-track", "-B", branch, request["commit"], cwd=code)
    git(request, "config", f"branch.{branch}.remote", "origin", cwd=code)
    git(request, "config", f"branch.{branch}.merge", f"refs/heads/{branch}", cwd=code)
    ours = request["shared"] + request["generated"]
    ours += [f"{item['path']}/{folder}" for item in request["builds"] for folder in BUILT.values()]
    # Beside the tree: what is root's is not written into another's folder.
    exclude = code.with_name("exclude")
    exclude.write_text("".join(f"/{path}\n" for path in ours))
    git(request, "config", "core.excludesFile", str(exclude), cwd=code)
