"""What the command says to those who cannot have a lab, and to typing mistakes."""

import os
import sys
from pathlib import Path

import pytest

from lab import __main__ as cli
from lab import privilege
from lab.errors import LabError, LabNotRunning
from lab.owner import Owner, invoking


def test_another_system_is_told_what_it_would_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match="this is darwin") as caught:
        privilege.become_root(Path("/"), ["up"])
    for needed in ("Linux", "root", "mmdebstrap", "inventory/production.py", "ENV=production"):
        assert needed in str(caught.value)


def test_without_root_and_sudo_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LabError, match="not root and there is no sudo"):
        privilege.become_root(Path("/"), ["up"])


def test_with_sudo_the_same_command_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("")
    sudo.chmod(0o755)
    called: list[list[str]] = []

    def execute(_program: str, words: list[str]) -> None:
        called.append(words)
        raise SystemExit

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "execv", execute)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LAB", "other")
    with pytest.raises(SystemExit):
        privilege.become_root(tmp_path, ["up", "--hosts", "2"])
    (words,) = called
    assert words[1:4] == ["--", "env", "LAB=other"]
    assert words[-4:] == ["lab", "up", "--hosts", "2"]


def test_missing_packages_are_named_where_apt_cannot_help(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"git", "ssh", "ip", "nft"}
    monkeypatch.setattr("shutil.which", lambda name: name if name in there else None)
    with pytest.raises(LabError, match="missing here: mmdebstrap, systemd-container;"):
        privilege.require_packages()


def test_missing_packages_are_installed_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"git", "ssh", "ip", "nft", "apt-get"}
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr("shutil.which", lambda name: name if name in there else None)
    monkeypatch.setattr(privilege, "run", lambda *words, env: calls.append(words))
    privilege.require_packages()
    update, install = calls
    assert update[:2] == ("apt-get", "update")
    assert install[-2:] == ("mmdebstrap", "systemd-container")


def test_files_belong_to_who_typed_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    assert invoking() == Owner(1234, 1235)


def test_a_written_file_is_never_more_open_than_it_should_be(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret"
    me = Owner(os.getuid(), os.getgid())
    for text in ("one", "two"):
        me.write(file, text, 0o600)
        assert (file.read_text(), file.stat().st_mode & 0o777) == (text, 0o600)
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


def test_status_of_no_lab_needs_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "ql-no-such-lab")
    with pytest.raises(LabNotRunning):
        cli.main(["status"])


@pytest.mark.parametrize("words", [[], ["fly"], ["up", "--hosts", "many"], ["snapshot", "lab-1"]])
def test_a_typing_mistake_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
