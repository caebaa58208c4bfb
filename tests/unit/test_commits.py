"""What a plan asks of the git remote, against a real repository."""

import os
import subprocess
from pathlib import Path

import pytest

from facts.commits import Commits


class Remote:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            self.git("config", key, "true")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *who, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, path: str, text: str) -> str:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)
        self.git("add", ".")
        self.git("commit", "-qm", f"change {path}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return Remote(tmp_path / "remote")


def words(lines: list[str] | None) -> list[str]:
    """Subjects with their sign, without the commits' names."""
    assert lines is not None
    return [f"{sign} {rest}" for sign, _, rest in (line.split(" ", 2) for line in lines)]


def test_a_range_is_told_both_ways(remote: Remote) -> None:
    base, target = remote.commit("a/x", "1"), remote.commit("b/y", "2")
    with Commits(str(remote.folder)) as commits:
        assert words(commits.subjects(base, target)) == ["+ change b/y"]
        assert words(commits.subjects(target, base)) == ["- change b/y"]
        assert words(commits.subjects(None, base)) == ["+ change a/x"]


def test_a_live_commit_that_the_remote_has_no_more_is_unknown(remote: Remote) -> None:
    target = remote.commit("a/x", "1")
    with Commits(str(remote.folder)) as commits:
        assert commits.subjects("f" * 40, target) is None


def test_trees_tell_what_changed_and_texts_are_fetched(remote: Remote) -> None:
    base, target = remote.commit("a/x", "1"), remote.commit("b/y", "2")
    with Commits(str(remote.folder)) as commits:
        assert commits.trees(base, ("a",)) == commits.trees(target, ("a",)) != ""
        assert commits.trees(base, ("b",)) != commits.trees(target, ("b",))
        assert commits.text(target, "b/y") == "2"
        assert commits.text(base, "b/y") is None


def test_nothing_is_cloned_unless_it_is_asked_and_nothing_is_left(remote: Remote) -> None:
    with Commits("/nonexistent") as commits:
        folder = Path(commits._folder.name)
        assert list(folder.iterdir()) == []
    assert not folder.exists()
