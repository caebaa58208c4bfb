"""Branch, tag or commit: resolved against a real git repository."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import gevent
import pytest

from facts.revision import ask, resolve
from stack.errors import Refused
from stack.settings import Settings
from tests.unit.examples import settings


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        command = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    @property
    def settings(self) -> Settings:
        return settings(repository=str(self.folder))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in [name for name in os.environ if name.startswith("GIT_")] + ["REV"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (tmp_path / "remote").mkdir()
    repository = Repository(tmp_path / "remote")
    repository.git("init", "-q", "-b", "main")
    repository.commit()
    return repository


def test_without_a_name_it_is_the_branch_of_the_settings(repository: Repository) -> None:
    found = resolve(repository.settings)
    assert (found.name, found.branch, found.commit) == ("main", "main", repository.git("rev-parse", "HEAD"))


def test_rev_names_it_for_the_whole_run(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REV", "feature/x")
    repository.git("checkout", "-q", "-b", "feature/x")
    newest = repository.commit()
    found = resolve(repository.settings)
    assert (found.name, found.branch, found.commit) == ("feature/x", "feature/x", newest)


def test_a_branch_is_not_mistaken_for_one_that_ends_alike(repository: Repository) -> None:
    wanted = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "other/main")
    repository.commit()
    assert resolve(repository.settings, "main").commit == wanted


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_is_the_commit_that_it_stands_for(repository: Repository, annotated: bool) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("tag", *(["-a", "-m", "release"] if annotated else []), "v1.0")
    repository.commit()
    found = resolve(repository.settings, "v1.0")
    assert (found.name, found.branch, found.commit) == ("v1.0", "main", commit)


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_commit_may_be_abbreviated(repository: Repository, length: int) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.commit()
    found = resolve(repository.settings, commit[:length])
    assert (found.name, found.branch, found.commit) == (commit[:length], "main", commit)


def test_all_hosts_of_a_run_get_the_same_answer(repository: Repository) -> None:
    before = resolve(repository.settings)
    repository.commit()
    assert resolve(repository.settings) == before


def test_a_remote_that_was_asked_early_is_not_asked_again(repository: Repository) -> None:
    before = repository.git("rev-parse", "HEAD")
    ask(repository.settings)
    gevent.sleep()
    repository.commit()
    assert resolve(repository.settings).commit == before


def test_all_hosts_of_a_run_get_the_same_refusal(repository: Repository) -> None:
    """Each would otherwise wait in its turn for a remote that does not answer."""
    for _ in range(2):
        with pytest.raises(Refused, match="revision v10 is neither"):
            resolve(repository.settings, "v10")
        repository.git("tag", "-f", "v10")


def test_an_unknown_revision_is_refused(repository: Repository) -> None:
    with pytest.raises(Refused, match=r"revision v9 is neither branch, tag nor commit of .*/remote"):
        resolve(repository.settings, "v9")


@pytest.mark.parametrize("name", ["0" * 40, "abcdef0123"])
def test_an_unknown_commit_is_refused(repository: Repository, name: str) -> None:
    with pytest.raises(Refused, match=f"commit {name} is not in .*/remote"):
        resolve(repository.settings, name)


def test_an_unreachable_remote_is_named_with_gits_reason(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        resolve(settings(repository=str(tmp_path / "gone")), "main")
    (reason,) = caught.value.reasons
    assert reason.startswith(f"git remote {tmp_path}/gone cannot be read: git ls-remote: ")
    assert "\n" not in reason


def test_a_remote_that_refuses_connections_is_named() -> None:
    with pytest.raises(Refused, match=r"git remote git://127\.0\.0\.1:9/x cannot be read"):
        resolve(settings(repository="git://127.0.0.1:9/x"), "main")
