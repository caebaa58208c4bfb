"""What the git remote knows of commits that no host has yet: their subjects, trees and lock files.

A bare clone without file contents, made once for all hosts, and only for a plan that needs it.
"""

import tempfile
from types import TracebackType

from facts.git import git
from stack.errors import Refused


class Commits:
    def __init__(self, repository: str) -> None:
        self._repository = repository
        self._folder = tempfile.TemporaryDirectory(prefix="quantlab-plan-")
        self._there = False
        self._said: dict[tuple[str, ...], str] = {}  # hosts are alike: most ask the same

    def __enter__(self) -> "Commits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _git(self, *arguments: str) -> str:
        if not self._there:
            filtered = ["--quiet", "--bare", "--filter=blob:none"]
            git("clone", *filtered, self._repository, self._folder.name, timeout=600)
            self._there = True
        if arguments not in self._said:
            self._said[arguments] = git(*arguments, cwd=self._folder.name)
        return self._said[arguments]

    def subjects(self, base: str | None, target: str) -> list[str] | None:
        """The commits between `base` and `target`, newest first: what comes has a "+", what goes a "-".
        None when the remote does not know `base` any more."""
        if base is None:
            return self._log(f"{target}^!")
        try:
            return self._log(f"{base}...{target}")
        except Refused:
            return None

    def _log(self, span: str) -> list[str]:
        lines = self._git(
            "log", "--left-right", "--max-count=200", "--format=%m%h %s", span, "--"
        ).splitlines()
        return [{">": "+ ", "<": "- "}[line[0]] + line[1:] for line in lines]

    def trees(self, commit: str, paths: tuple[str, ...]) -> str:
        """What `git ls-tree` says of these paths: the same text, the same code."""
        return self._git("ls-tree", commit, "--", *paths)

    def text(self, commit: str, path: str) -> str | None:
        """A file at a commit; None when there is none. Its content is fetched now."""
        return self._git("show", f"{commit}:{path}") if self.trees(commit, (path,)) else None
