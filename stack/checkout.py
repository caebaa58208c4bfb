"""Drift of the code tree: what git says of the live code beside the release's commit. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stack.desired import Desired
from stack.finding import Finding, at

SHOWN = 15  # lines of a listing


def of_the_code(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Edited, or at another commit than the release's. A deploy of the same commit leaves both alone."""
    tree, commit = seen["checkout"], seen["manifest"]["commit"]
    if tree is None:
        return  # there is no user who could ask git; that is found elsewhere
    code, user = desired.site.catalogue.code, desired.site.catalogue.user
    git = f"sudo -u {user} git -C {code}"
    push = "commit and push it, then make deploy"
    newest = max((moment for moment in tree["touched"].values() if moment), default=None)
    if changed := tree["changed"]:
        untracked = sum(line.startswith("??") for line in changed)
        said = [f"{len(changed) - untracked} changed"] if untracked < len(changed) else []
        said += [f"{untracked} not known to git"] if untracked else []
        undo = f"{git} stash --include-untracked"
        what = f"files edited by hand: {', '.join(said)}"
        yield Finding(code, what, f"last written {at(newest)}", push, undo, cut(changed))
    if tree["head"] != commit:
        ahead, behind = tree["ahead"], tree["behind"]
        said = [f"{len(ahead)} commits ahead"] if ahead else []
        said += [f"{behind} behind"] if behind else []
        what = (
            f"is at {tree['head'][:12]}, not the release's {commit[:12]} ({', '.join(said) or 'not related'})"
        )
        came = f"by hand, last {tree['did']}"
        keep = f"make deploy REV={tree['head'][:12]} (push it first, if it is of this host)"
        yield Finding(code, what, came, keep, f"{git} reset --hard {commit}", cut(ahead))
    elif tree["branch"] == "HEAD":
        what = "is on no branch: git pull will not work"
        yield Finding(code, what, undo=f"{git} checkout -B {desired.site.settings.branch}")
    for folder in tree["folders"]:
        undo = f"no deploy of this commit mends it: install in {code}/{folder} as {user}, or make rollback"
        yield Finding(f"{code}/{folder}", "its dependencies are gone", undo=undo)


def cut(lines: list[str]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], *([f"… {more} more"] if more > 0 else []))
